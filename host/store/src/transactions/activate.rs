//! Committing an activation: everything that it decided, at once.

use dormouse_journal::{
    Activation, Channel, Kind, LogLine, OperationNumber, Outcome, Payload, Response, RunId, Source,
    Status, Time, Transition,
};
use redb::ReadableTable;

use crate::group::{Transaction, Write};
use crate::tables::{Call, Tables, inbox, mail, results};
use crate::transactions::commit::{self, Commit};
use crate::transactions::edit::Edit;
use crate::transactions::events::{self, MailLimits, Reached};
use crate::{ReadError, Store, WriteError};

/// An activation to be appended to a run's journal.
#[derive(Debug)]
pub(crate) struct Activate {
    run: RunId,
    number: u32,
    step: Step,
    retention: u64,
    mail: MailLimits,
}

/// One activation, and what does not lie in its record.
#[derive(Debug)]
pub struct Step {
    /// The record.
    pub activation: Activation,
    /// Where its completion came from. None for the first activation.
    pub source: Option<Source>,
    /// The calls that it made.
    pub calls: Vec<NewCall>,
    /// The events that it sent.
    pub notifies: Vec<NewNotify>,
    /// The callers that it answered.
    pub responses: Vec<NewResponse>,
    /// What it logged.
    pub logs: Vec<LogLine>,
    /// How much the run has logged so far, as the engine counts it.
    pub logged: u64,
}

/// A call made by an activation.
#[derive(Debug)]
pub struct NewCall {
    /// Which operation.
    pub operation: OperationNumber,
    /// The call. When its first attempt is made is set by the commit.
    pub call: Call,
}

/// An event sent by an activation.
#[derive(Debug)]
pub struct NewNotify {
    /// Which operation.
    pub operation: OperationNumber,
    /// Its name.
    pub event: String,
    /// To this run only; none if the text given was no run's id, so that it reaches nobody.
    pub to: NotifyTarget,
    /// What is sent.
    pub payload: Payload,
}

/// An answer to the caller of a delivery.
#[derive(Debug, Clone)]
pub struct NewResponse {
    /// The delivery.
    pub delivery: String,
    /// What its caller gets.
    pub response: Response,
}

/// Whom an event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyTarget {
    /// All who wait.
    Everyone,
    /// One run.
    Run(RunId),
    /// A text that is no run's id.
    Nobody,
}

/// What the commit of an activation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    /// Where the run stands now.
    pub status: Status,
    /// Whether something has arrived that it may get now.
    pub is_due: bool,
    /// When it was committed; the first attempts of its calls are due.
    pub time: Time,
    /// Runs that have something to do now because of an event.
    pub woken: Vec<RunId>,
    /// Whether an event has more waiters than were served.
    pub broadcasting: bool,
    /// How large the journal is now.
    pub journal_bytes: u64,
}

/// Why an activation was not committed. Nothing of it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The run has ended: it was cancelled meanwhile.
    Ended,
    /// The run is blocked.
    Blocked,
    /// The journal does not end where this activation begins.
    Moved,
    /// A deadline was about to pass, but something accepted before it has arrived meanwhile; or a wait was about to get
    /// an event aimed at the run, but one sent to all has reached it; or it was about to get a request that was foretold
    /// and could not be made durable.
    Stale,
    /// The same, but that the event sent to all is on its way. The run is woken when it comes.
    EventUnderway,
}

impl Transaction for Activate {
    type Output = Result<Activated, Refused>;

    fn apply(&self, write: &mut Write<'_>) -> Result<Self::Output, ReadError> {
        let Some(edit) = write.edits.load(&write.tables, self.run)? else {
            return Ok(Err(Refused::Ended));
        };
        if let Some(refused) = self.refuse(edit, &write.tables)? {
            return Ok(Err(refused));
        }
        let sequence = write.next_sequence();
        let Some(edit) = write.edits.load(&write.tables, self.run)? else {
            return Ok(Err(Refused::Ended));
        };
        let mut reached = Reached::default();
        let mut commit = Commit {
            edit,
            now: write.now,
            sequence,
            tables: &mut write.tables,
            inbox_bytes: &mut write.inbox_bytes,
        };
        commit.step(self.number, &self.step, self.retention)?;
        if self.step.activation.end.is_none() {
            self.notify(write, sequence, &mut reached)?;
        }
        let Some(edit) = write.edits.load(&write.tables, self.run)? else {
            return Ok(Err(Refused::Ended));
        };
        if !edit.state.status.has_ended() {
            let host_works = has_host_work(&write.tables, self.run)?;
            // A run that is neither blocked nor ended can always be activated: refuse() saw to it.
            let _ = edit.transition(Transition::Activated { host_works });
        }
        let activated = Activated {
            status: edit.state.status,
            is_due: edit.state.is_due(),
            time: write.now,
            woken: reached.woken,
            broadcasting: reached.more,
            journal_bytes: edit.state.journal_bytes,
        };
        Ok(Ok(activated))
    }
}

impl Activate {
    /// Sends what the activation sends, in the sequence of this very commit, so that it does not reach waits made in it.
    fn notify(
        &self,
        write: &mut Write<'_>,
        sequence: u64,
        reached: &mut Reached,
    ) -> Result<(), ReadError> {
        for notify in &self.step.notifies {
            let count = events::send(write, sequence, notify, self.mail, reached)?;
            // What was given up in the same activation is sent, and nobody waits to hear of it.
            let Some(edit) = write.edits.load(&write.tables, self.run)? else {
                continue;
            };
            if commit::is_waited_for(&write.tables, edit, notify.operation)? {
                let outcome = Outcome::Notified(count);
                events::put_result(
                    &mut write.tables,
                    edit,
                    notify.operation,
                    write.now,
                    outcome,
                )?;
            }
        }
        Ok(())
    }

    /// Checks everything before anything is written.
    fn refuse(&self, edit: &Edit, tables: &Tables<'_>) -> Result<Option<Refused>, ReadError> {
        let state = &edit.state;
        if state.status.has_ended() {
            return Ok(Some(Refused::Ended));
        }
        if state.status == Status::Blocked {
            return Ok(Some(Refused::Blocked));
        }
        if state.activations != self.number {
            return Ok(Some(Refused::Moved));
        }
        match (&self.step.source, &self.step.activation.completion) {
            (Some(Source::Deadline), Some(completion)) => {
                self.refuse_deadline(edit, tables, completion.operation)
            }
            (
                Some(Source::Arrival {
                    channel: Channel::Webhook(webhook),
                    place,
                }),
                Some(completion),
            ) => self.refuse_delivery(tables, webhook.0, *place, &completion.outcome),
            (
                Some(Source::Arrival {
                    channel: Channel::Event(event),
                    ..
                }),
                Some(completion),
            ) => self.refuse_aimed(edit, tables, event, completion.operation),
            _ => Ok(None),
        }
    }

    /// A request may be given to a run before it is durable, and then must still become so.
    fn refuse_delivery(
        &self,
        tables: &Tables<'_>,
        webhook: u32,
        place: u64,
        outcome: &Outcome,
    ) -> Result<Option<Refused>, ReadError> {
        let queued = inbox::TABLE.get(&tables.inbox, (self.run.0, webhook, place))?;
        let is_there = match outcome {
            Outcome::Delivery(Some(delivery)) => {
                queued.is_some_and(|queued| queued.id == delivery.id)
            }
            _ => false,
        };
        Ok((!is_there).then_some(Refused::Stale))
    }

    /// A wait that an event sent to all has reached gets that one, and leaves one aimed at the run to the next wait.
    fn refuse_aimed(
        &self,
        edit: &Edit,
        tables: &Tables<'_>,
        event: &str,
        operation: OperationNumber,
    ) -> Result<Option<Refused>, ReadError> {
        let key = (self.run.0, operation.0);
        if tables.results.get(key)?.is_some() {
            return Ok(Some(Refused::Stale));
        }
        let Some(row) = edit.open(tables, operation)? else {
            return Ok(None);
        };
        Ok(
            events::is_underway(tables, event, self.run, operation, row.waiting())?
                .then_some(Refused::EventUnderway),
        )
    }

    /// A wait ends with none only after everything accepted before its deadline was handed out.
    fn refuse_deadline(
        &self,
        edit: &Edit,
        tables: &Tables<'_>,
        operation: OperationNumber,
    ) -> Result<Option<Refused>, ReadError> {
        let run = self.run.0;
        let Some(row) = edit.open(tables, operation)? else {
            return Ok(None);
        };
        let waiting = row.waiting();
        let head = match &row.kind {
            Kind::WaitForWebhook { webhook, .. } => {
                let mut range = tables
                    .inbox
                    .range((run, webhook.0, 0)..=(run, webhook.0, u64::MAX))?;
                match range.next() {
                    Some(item) => Some(inbox::TABLE.decode(item?.1.value())?.accepted),
                    None => None,
                }
            }
            Kind::WaitForEvent { event, .. } => {
                if results::TABLE
                    .get(&tables.results, (run, operation.0))?
                    .is_some()
                {
                    return Ok(Some(Refused::Stale));
                }
                if events::is_underway(tables, event, self.run, operation, waiting)? {
                    return Ok(Some(Refused::EventUnderway));
                }
                let range = (run, event.as_str(), 0)..=(run, event.as_str(), u64::MAX);
                match tables.mail.range(range)?.next() {
                    Some(item) => Some(mail::TABLE.decode(item?.1.value())?.accepted),
                    None => None,
                }
            }
            _ => None,
        };
        Ok(head
            .is_some_and(|accepted| waiting.takes(accepted))
            .then_some(Refused::Stale))
    }
}

/// Whether something is outstanding that is the host's to do.
fn has_host_work(tables: &Tables<'_>, run: RunId) -> Result<bool, ReadError> {
    let calls = tables
        .calls
        .range((run.0, 0)..=(run.0, u32::MAX))?
        .next()
        .is_some();
    Ok(calls
        || tables
            .results
            .range((run.0, 0)..=(run.0, u32::MAX))?
            .next()
            .is_some())
}

impl Store {
    /// Appends an activation of this number to a run's journal, and does in the same commit what it decided. It is in the
    /// queue when this returns. An ended run is kept for `retention` milliseconds; events aimed at a run are kept up to
    /// the limits of `mail`.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub fn activate(
        &self,
        run: RunId,
        number: u32,
        step: Step,
        retention: u64,
        mail: MailLimits,
    ) -> impl Future<Output = Result<Result<Activated, Refused>, WriteError>> + Send + use<> {
        self.write(Activate {
            run,
            number,
            step,
            retention,
            mail,
        })
    }
}
