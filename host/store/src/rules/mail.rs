//! Sends events to one run, which keeps them for its next waits.

use dormouse_journal::{Payload, RunId};

use super::storage::StorageLimits;
use super::{RUN, SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::mail;
use crate::tables::small_or_large::SmallOrLarge;

/// The limits of a run's inbox for one event.
#[derive(Debug, Clone, Copy)]
pub struct MailLimits {
    /// The largest number of events.
    pub queued: u32,
    /// The largest number of bytes.
    pub bytes: u64,
    /// The disk space that the run and its workflow may use.
    pub storage: StorageLimits,
}

/// The result of sending an event to one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AimedNotified {
    /// The event is in the run's inbox.
    Queued,
    /// The run has ended.
    Ended,
    /// The run has failed, and may be retried.
    RunFailed,
    /// The inbox is full.
    Full,
    /// The run uses all disk space that it may use.
    RunFull,
    /// The runs of the workflow together use all disk space that they may use.
    WorkflowFull,
    /// There is no such run.
    Unknown,
}

/// Sends an event to one run.
pub(crate) struct NotifyRun {
    pub(crate) run: RunId,
    pub(crate) event: String,
    pub(crate) size: u64,
    pub(crate) payload: SmallOrLarge<Payload>,
    pub(crate) limits: MailLimits,
}

impl NotifyRun {
    /// Creates the transaction, and encodes a large payload.
    pub(crate) fn new(run: RunId, event: String, payload: Payload, limits: MailLimits) -> Self {
        NotifyRun {
            run,
            event,
            size: payload.body.len() as u64,
            payload: SmallOrLarge::new(crate::tables::broadcasts::payload_size(&payload), payload),
            limits,
        }
    }
}

impl Transaction for NotifyRun {
    type Output = AimedNotified;

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn cost(&self) -> Extent {
        cost(&self.payload)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<AimedNotified, ReadError> {
        send_to_run(
            write,
            self.run,
            &self.event,
            (self.size, &self.payload),
            self.limits,
        )
    }
}

/// The rows that sending an event to one run writes: the event, its payload, and the inbox.
pub(super) fn cost(payload: &SmallOrLarge<Payload>) -> Extent {
    RUN.and(Extent::new(3, payload.bytes() + 2 * SMALL_ROW))
}

/// Puts an event into a run's inbox for events of this name.
pub(super) fn send_to_run(
    write: &mut Write<'_>,
    id: RunId,
    event: &str,
    (size, payload): (u64, &SmallOrLarge<Payload>),
    limits: MailLimits,
) -> Result<AimedNotified, ReadError> {
    let Some(run) = write.run(id)? else {
        return Ok(AimedNotified::Unknown);
    };
    if run.state().is_frozen() {
        return Ok(AimedNotified::RunFailed);
    }
    if run.state().status.has_ended() {
        return Ok(AimedNotified::Ended);
    }
    let mailbox = run.mailbox(event)?;
    if mailbox.queued >= limits.queued || mailbox.queued_bytes.saturating_add(size) > limits.bytes {
        return Ok(AimedNotified::Full);
    }
    let grows = payload.bytes().saturating_add(SMALL_ROW);
    if limits.storage.refuse_sent(&run, grows) {
        return Ok(AimedNotified::RunFull);
    }
    let workflow = run.state().workflow.clone();
    if limits.storage.refuse_workflow(write, &workflow, grows)? {
        return Ok(AimedNotified::WorkflowFull);
    }
    let Some(mut run) = write.run(id)? else {
        return Ok(AimedNotified::Unknown);
    };
    let key = (id, event, mailbox.next_place);
    mail::put(run.rows, key, run.now, size, payload)?;
    run.change_mailbox(event, |mailbox| {
        mailbox.next_place += 1;
        mailbox.queued += 1;
        mailbox.queued_bytes += size;
    })?;
    Ok(AimedNotified::Queued)
}
