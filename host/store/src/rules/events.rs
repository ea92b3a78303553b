//! Events: sent to all who wait, or to one run.
//!
//! An event to all is decided in one transaction: it reaches every wait that was committed before and has not
//! completed. Few waiters are served in that transaction. Many are served in batches, from a stored cursor, so that no
//! transaction grows with their number. The decision stands all the same, since each wait carries the sequence at
//! which it was made, and a wait cannot time out while an event that it is to get is under way.

use dormouse_journal::{OperationNumber, Outcome, Payload, RunId, Time};

use super::activate::{NewNotify, NotifyTarget};
use super::{Transaction, Write};
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::keys::Extremes;
use crate::tables::broadcasts::{self, Broadcast};
use crate::tables::event_waits::{self, EventWait};
use crate::tables::mail;

/// How many waiters one transaction serves. Some 256 rows cost about what their sync does.
const BATCH: usize = 256;

/// Whom an event has reached so far.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// Runs that have something to do now.
    pub(crate) woken: Vec<RunId>,
    /// True if more are to be served.
    pub(crate) more: bool,
}

/// How much may lie in a run's inbox for one event.
#[derive(Debug, Clone, Copy)]
pub struct MailLimits {
    /// How many events.
    pub queued: u32,
    /// How many bytes.
    pub bytes: u64,
}

/// Sends what an activation sends. Returns how many waits it reaches.
pub(crate) fn send(
    write: &mut Write<'_>,
    sequence: u64,
    notify: &NewNotify,
    limits: MailLimits,
    reached: &mut Reached,
) -> Result<u32, ReadError> {
    match notify.to {
        NotifyTarget::Everyone => {
            let waits = send_to_all(write, sequence, &notify.event, &notify.payload, reached)?;
            Ok(u32::try_from(waits.len()).unwrap_or(u32::MAX))
        }
        NotifyTarget::Run(run) => {
            let sent = send_to_run(write, run, &notify.event, &notify.payload, limits)?;
            let queued = sent == AimedNotified::Queued;
            if queued {
                reached.woken.push(run);
            }
            Ok(u32::from(queued))
        }
        NotifyTarget::Nobody => Ok(0),
    }
}

/// Sends to every wait made before `sequence`, and returns those waits.
fn send_to_all(
    write: &mut Write<'_>,
    sequence: u64,
    event: &str,
    payload: &Payload,
    reached: &mut Reached,
) -> Result<Vec<Waiter>, ReadError> {
    let before = underway(write.rows, event)?;
    let mut waits = Vec::new();
    for (waiter, wait) in waiters(write.rows, event, None, usize::MAX)? {
        let is_due = reaches(&wait, sequence, write.now);
        if is_due
            && !before
                .iter()
                .any(|broadcast| broadcast.will_reach(waiter, &wait))
        {
            waits.push(waiter);
        }
    }
    if waits.len() <= BATCH && before.is_empty() {
        for waiter in &waits {
            serve(write, event, *waiter, write.now, payload, reached)?;
        }
    } else if !waits.is_empty() {
        let row = Broadcast {
            event: event.into(),
            payload: payload.clone(),
            accepted: write.now,
            cursor: None,
        };
        broadcasts::TABLE.put(write.rows, sequence, &row)?;
        reached.more = true;
    }
    Ok(waits)
}

type Waiter = (RunId, OperationNumber);

/// Returns who waits for an event, after the waiter given, and no more than `limit` of them.
fn waiters(
    rows: &(impl Rows + ?Sized),
    event: &str,
    after: Option<Waiter>,
    limit: usize,
) -> Result<Vec<(Waiter, EventWait)>, ReadError> {
    use std::ops::Bound::{Excluded, Included};
    let start = match after {
        Some((run, operation)) => Excluded((event, run, operation)),
        None => Included((event, RunId::MIN, OperationNumber::MIN)),
    };
    let end = Included((event, RunId::MAX, OperationNumber::MAX));
    let found = event_waits::TABLE
        .list(rows, (start, end), limit)?
        .into_iter();
    Ok(found
        .map(|((_, run, operation), wait)| ((run, operation), wait))
        .collect())
}

/// Returns true if an event decided at this sequence and time reaches a wait.
fn reaches(wait: &EventWait, sequence: u64, accepted: Time) -> bool {
    let deadline = wait.waiting.deadline;
    wait.since < sequence && deadline.is_none_or(|deadline| accepted < deadline)
}

/// An event that was decided and has waiters to be served.
struct Underway {
    sequence: u64,
    accepted: Time,
    cursor: Option<Waiter>,
}

impl Underway {
    /// Returns true if a wait will be reached when its batch is served.
    fn will_reach(&self, waiter: Waiter, wait: &EventWait) -> bool {
        let is_ahead = self.cursor.is_none_or(|cursor| cursor < waiter);
        is_ahead && reaches(wait, self.sequence, self.accepted)
    }
}

/// Returns the events of this name that are under way.
fn underway(rows: &(impl Rows + ?Sized), event: &str) -> Result<Vec<Underway>, ReadError> {
    let mut found = Vec::new();
    broadcasts::TABLE.scan(rows, broadcasts::TABLE.all(), |sequence, row| {
        if row.event == event {
            found.push(Underway {
                sequence,
                accepted: row.accepted,
                cursor: row.cursor,
            });
        }
        true
    })?;
    Ok(found)
}

/// Returns true if an event that was decided already will reach this wait when its batch is served.
pub(crate) fn is_underway(
    rows: &(impl Rows + ?Sized),
    event: &str,
    run: RunId,
    operation: OperationNumber,
) -> Result<bool, ReadError> {
    let Some(wait) = event_waits::TABLE.get(rows, (event, run, operation))? else {
        return Ok(false);
    };
    let underway = underway(rows, event)?;
    Ok(underway
        .iter()
        .any(|broadcast| broadcast.will_reach((run, operation), &wait)))
}

/// Gives an event to one wait.
fn serve(
    write: &mut Write<'_>,
    event: &str,
    (id, operation): Waiter,
    accepted: Time,
    payload: &Payload,
    reached: &mut Reached,
) -> Result<(), ReadError> {
    let Some(mut run) = write.run(id)? else {
        return Ok(());
    };
    event_waits::TABLE.remove(run.rows, (event, id, operation))?;
    // This wait is spoken for: an event aimed at the run goes to its next one.
    run.change_mailbox(event, |mailbox| {
        mailbox.waits = mailbox.waits.saturating_sub(1);
    })?;
    run.put_result(operation, accepted, Outcome::Event(Some(payload.clone())))?;
    reached.woken.push(id);
    Ok(())
}

/// What came of an event aimed at one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AimedNotified {
    /// It lies in the run's inbox.
    Queued,
    /// The run has ended.
    Ended,
    /// The inbox is full.
    Full,
    /// There is no such run.
    Unknown,
}

/// Puts an event into a run's inbox for it.
fn send_to_run(
    write: &mut Write<'_>,
    id: RunId,
    event: &str,
    payload: &Payload,
    limits: MailLimits,
) -> Result<AimedNotified, ReadError> {
    let Some(mut run) = write.run(id)? else {
        return Ok(AimedNotified::Unknown);
    };
    if run.state().status.has_ended() {
        return Ok(AimedNotified::Ended);
    }
    let mailbox = run.mailbox(event)?;
    let size = payload.body.len() as u64;
    if mailbox.queued >= limits.queued || mailbox.queued_bytes.saturating_add(size) > limits.bytes {
        return Ok(AimedNotified::Full);
    }
    let key = (id, event, mailbox.next_place);
    mail::put(run.rows, key, run.now, payload.clone())?;
    run.change_mailbox(event, |mailbox| {
        mailbox.next_place += 1;
        mailbox.queued += 1;
        mailbox.queued_bytes += size;
    })?;
    Ok(AimedNotified::Queued)
}

/// Sends an event to all who wait for it.
pub(crate) struct Notify {
    pub(crate) event: String,
    pub(crate) payload: Payload,
}

/// What an event sent to all has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notified {
    /// Every run that it reaches, each once.
    pub runs: Vec<RunId>,
    /// Those that have something to do now.
    pub woken: Vec<RunId>,
    /// True if the others are to be served by [`Store::serve_events`](crate::Store::serve_events).
    pub broadcasting: bool,
}

impl Transaction for Notify {
    type Output = Notified;

    fn apply(&self, write: &mut Write<'_>) -> Result<Notified, ReadError> {
        let mut reached = Reached::default();
        let sequence = write.sequence() + 1;
        write.set_sequence(sequence);
        let waits = send_to_all(write, sequence, &self.event, &self.payload, &mut reached)?;
        // Waiters come in the order of their runs.
        let mut runs: Vec<RunId> = waits.into_iter().map(|(run, _)| run).collect();
        runs.dedup();
        Ok(Notified {
            runs,
            woken: reached.woken,
            broadcasting: reached.more,
        })
    }
}

/// Sends an event to one run.
pub(crate) struct NotifyRun {
    pub(crate) run: RunId,
    pub(crate) event: String,
    pub(crate) payload: Payload,
    pub(crate) limits: MailLimits,
}

impl Transaction for NotifyRun {
    type Output = AimedNotified;

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<AimedNotified, ReadError> {
        send_to_run(write, self.run, &self.event, &self.payload, self.limits)
    }
}

/// Serves the next batch of waiters of events that are under way.
pub(crate) struct ServeEvents;

/// What serving a batch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Runs that have something to do now.
    pub woken: Vec<RunId>,
    /// True if there is more to serve.
    pub more: bool,
}

impl Transaction for ServeEvents {
    type Output = Served;

    fn apply(&self, write: &mut Write<'_>) -> Result<Served, ReadError> {
        let mut reached = Reached::default();
        let first = broadcasts::TABLE.first(write.rows, broadcasts::TABLE.all())?;
        let Some((sequence, mut row)) = first else {
            return Ok(Served {
                woken: reached.woken,
                more: false,
            });
        };
        let batch = waiters(write.rows, &row.event, row.cursor, BATCH)?;
        for (waiter, wait) in &batch {
            if reaches(wait, sequence, row.accepted) {
                let (event, payload) = (&row.event, &row.payload);
                serve(write, event, *waiter, row.accepted, payload, &mut reached)?;
            }
        }
        if batch.len() == BATCH {
            row.cursor = batch.last().map(|(waiter, _)| *waiter);
            broadcasts::TABLE.put(write.rows, sequence, &row)?;
        } else {
            broadcasts::TABLE.remove(write.rows, sequence)?;
        }
        let rest = broadcasts::TABLE.keys(write.rows, broadcasts::TABLE.all(), false, 1)?;
        Ok(Served {
            woken: reached.woken,
            more: !rest.is_empty(),
        })
    }
}
