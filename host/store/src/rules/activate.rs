//! Committing an activation: everything that it decided, at once.

use dormouse_journal::{
    Activation, Channel, Kind, LogLine, OperationNumber, Outcome, Payload, Response, RunId, Source,
    Status, Time, Transition, WebhookNumber,
};

use super::commit::commit;
use super::events::{self, MailLimits, Reached};
use super::run::RunWrite;
use super::{Transaction, Write};
use crate::ReadError;
use crate::tables::inbox::{self, Arrival};
use crate::tables::{Call, results};

/// An activation to be appended to a run's journal.
#[derive(Debug)]
pub(crate) struct Activate {
    pub(crate) run: RunId,
    pub(crate) number: u32,
    pub(crate) new: NewActivation,
    /// How long the run is kept if it ends, in milliseconds.
    pub(crate) retention: u64,
    pub(crate) mail: MailLimits,
}

/// An activation to be committed, with what its record does not hold.
#[derive(Debug, Clone)]
pub struct NewActivation {
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
#[derive(Debug, Clone)]
pub struct NewCall {
    /// Which operation.
    pub operation: OperationNumber,
    /// The call. Its first attempt is made when it is committed.
    pub call: Call,
}

/// An event sent by an activation.
#[derive(Debug, Clone)]
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
pub enum CommitRefused {
    /// The run has ended: it was cancelled meanwhile.
    Ended,
    /// The run is blocked.
    Blocked,
    /// The journal does not end where this activation begins.
    Moved,
    /// A deadline was about to pass, but something accepted before it has arrived meanwhile; or a wait was about to get
    /// an event aimed at the run, but one sent to all has reached it; or it was about to get a request that was known in
    /// advance and could not be made durable.
    Stale,
    /// The same, but that the event sent to all is on its way. The run is woken when it comes.
    EventUnderway,
}

impl Transaction for Activate {
    type Output = Result<Activated, CommitRefused>;

    /// An event may concern any run.
    fn run(&self) -> Option<RunId> {
        self.new.notifies.is_empty().then_some(self.run)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Self::Output, ReadError> {
        let sequence = write.sequence() + 1;
        let Some(mut run) = write.run(self.run)? else {
            return Ok(Err(CommitRefused::Ended));
        };
        if let Some(refused) = self.refuse(&run)? {
            return Ok(Err(refused));
        }
        commit(&mut run, self.number, &self.new, sequence, self.retention)?;
        write.set_sequence(sequence);

        let mut reached = Reached::default();
        let mut sent = Vec::new();
        if self.new.activation.end.is_none() {
            // In the sequence of this very commit, so that it does not reach waits made in it.
            for notify in &self.new.notifies {
                let count = events::send(write, sequence, notify, self.mail, &mut reached)?;
                sent.push((notify.operation, count));
            }
        }
        let Some(run) = write.run(self.run)? else {
            return Ok(Err(CommitRefused::Ended));
        };
        self.finish(run, sent, reached).map(Ok)
    }
}

impl Activate {
    /// Records whom its events have reached, and where the run stands then.
    fn finish(
        &self,
        mut run: RunWrite<'_>,
        sent: Vec<(OperationNumber, u32)>,
        reached: Reached,
    ) -> Result<Activated, ReadError> {
        for (operation, count) in sent {
            // What was given up in the same activation is sent, and nobody waits to hear of it.
            if run.waits_for(operation)? {
                run.put_result(operation, run.now, Outcome::Notified(count))?;
            }
        }
        if !run.state().status.has_ended() {
            let host_works = run.has_host_work()?;
            // A run that is neither blocked nor ended can always be activated: refuse() saw to it.
            let _ = run.transition(Transition::Activated { host_works });
        }
        let state = run.state();
        Ok(Activated {
            status: state.status,
            is_due: state.is_due(),
            time: run.now,
            woken: reached.woken,
            broadcasting: reached.more,
            journal_bytes: state.journal_bytes,
        })
    }

    /// Checks everything before anything is written.
    fn refuse(&self, run: &RunWrite<'_>) -> Result<Option<CommitRefused>, ReadError> {
        let state = run.state();
        if state.status.has_ended() {
            return Ok(Some(CommitRefused::Ended));
        }
        if state.status == Status::Blocked {
            return Ok(Some(CommitRefused::Blocked));
        }
        if state.activations != self.number {
            return Ok(Some(CommitRefused::Moved));
        }
        let Some(completion) = &self.new.activation.completion else {
            return Ok(None);
        };
        match &self.new.source {
            Some(Source::Deadline) => refuse_deadline(run, completion.operation),
            Some(Source::Arrival { channel, place }) => match channel {
                Channel::Webhook(webhook) => {
                    refuse_delivery(run, *webhook, *place, &completion.outcome)
                }
                Channel::Event(event) => refuse_aimed(run, event, completion.operation),
                Channel::Result(_) => Ok(None),
            },
            Some(Source::Abandoned) | None => Ok(None),
        }
    }
}

/// A request may be given to a run before it is durable, and then must still become so.
fn refuse_delivery(
    run: &RunWrite<'_>,
    webhook: WebhookNumber,
    place: u64,
    outcome: &Outcome,
) -> Result<Option<CommitRefused>, ReadError> {
    let queued: Option<Arrival> = inbox::TABLE.get_prefix(run.rows, (run.id, webhook, place))?;
    let is_there = match outcome {
        Outcome::Delivery(Some(delivery)) => queued.is_some_and(|queued| queued.id == delivery.id),
        _ => false,
    };
    Ok((!is_there).then_some(CommitRefused::Stale))
}

/// A wait that an event sent to all has reached gets that one, and leaves one aimed at the run to the next wait.
fn refuse_aimed(
    run: &RunWrite<'_>,
    event: &str,
    operation: OperationNumber,
) -> Result<Option<CommitRefused>, ReadError> {
    if results::TABLE.has(run.rows, (run.id, operation))? {
        return Ok(Some(CommitRefused::Stale));
    }
    let is_underway = events::is_underway(run.rows, event, run.id, operation)?;
    Ok(is_underway.then_some(CommitRefused::EventUnderway))
}

/// A wait ends with none only after everything accepted before its deadline was handed out.
fn refuse_deadline(
    run: &RunWrite<'_>,
    operation: OperationNumber,
) -> Result<Option<CommitRefused>, ReadError> {
    let Some(open) = run.open(operation)? else {
        return Ok(None);
    };
    let first = match &open.kind {
        Kind::WaitForWebhook { webhook, .. } => run.first_request(*webhook)?,
        Kind::WaitForEvent { event, .. } => {
            if let Some(refused) = refuse_aimed(run, event, operation)? {
                return Ok(Some(refused));
            }
            run.first_mail(event)?
        }
        _ => None,
    };
    Ok(first
        .is_some_and(|accepted| open.waiting().takes(accepted))
        .then_some(CommitRefused::Stale))
}
