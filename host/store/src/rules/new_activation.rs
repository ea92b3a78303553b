//! The data with which an activation is committed, and the result.

use dormouse_journal::{
    Activation, CancelOptions, Header, Labels, LogLine, NextGeneration, OperationNumber, Payload,
    Response, RunId, Status, Time, WebhookNumber,
};

use super::next_run::NextRun;
use crate::tables::{Call, ChildStart};

/// An activation to commit, with the data that its record does not have.
#[derive(Debug, Clone)]
pub struct NewActivation {
    /// The record. It says where its completion came from.
    pub activation: Activation,
    /// The number of times that the run had been retried or moved when the activation was executed.
    pub tries: u32,
    /// Webhooks that the run had before it was taken back, and whose places were taken by others.
    pub replaced: Vec<WebhookNumber>,
    /// The calls that the activation made.
    pub calls: Vec<NewCall>,
    /// The events that the activation sent.
    pub notifies: Vec<NewNotify>,
    /// What the activation asked of other runs.
    pub orders: Vec<NewOrder>,
    /// The answers that the activation gave to callers.
    pub responses: Vec<NewResponse>,
    /// The next generation, if the present one ends with this activation. Then the activation has no record.
    pub next: Option<NewGeneration>,
    /// The log lines of the activation.
    pub logs: Vec<LogLine>,
    /// The size of the run's log so far, as the engine counts it.
    pub logged: u64,
    /// The labels that the activation set.
    pub labels: Labels,
    /// How long the run may be retried if it fails in this activation, in milliseconds.
    pub repair_within: u64,
    /// The run that may be started if this run completes in the activation and has left requests from a trigger. None
    /// if the run has no key of a trigger.
    pub next_run: Option<NextRun>,
}

/// The next generation of a run.
#[derive(Debug, Clone)]
pub struct NewGeneration {
    /// The beginning of the generation.
    pub next: NextGeneration,
    /// The largest number of operations that may be open when the old generation ends.
    pub outstanding: u64,
}

/// A call that an activation made.
#[derive(Debug, Clone)]
pub struct NewCall {
    /// The operation.
    pub operation: OperationNumber,
    /// The call. Its first attempt is due at the commit.
    pub call: Call,
}

/// An event that an activation sent.
#[derive(Debug, Clone)]
pub struct NewNotify {
    /// The operation.
    pub operation: OperationNumber,
    /// The name of the event.
    pub event: String,
    /// The receiver of the event.
    pub to: NotifyTarget,
    /// The payload of the event.
    pub payload: Payload,
}

/// A request of an activation to another run.
#[derive(Debug, Clone)]
pub enum NewOrder {
    /// Start a run, with the headers that it sees.
    Start(ChildStart, Vec<Header>),
    /// Cancel a run.
    Cancel {
        /// The operation.
        operation: OperationNumber,
        /// The run. None if the guest's text was not the id of a run.
        run: Option<RunId>,
        /// The options of the cancel.
        options: CancelOptions,
    },
}

/// An answer to the caller of a delivery.
#[derive(Debug, Clone)]
pub struct NewResponse {
    /// The id of the delivery.
    pub delivery: String,
    /// The response for its caller.
    pub response: Response,
}

/// The receiver of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyTarget {
    /// All runs that wait for the event.
    Everyone,
    /// One run.
    Run(RunId),
    /// Nobody, because the guest's text was not the id of a run.
    Nobody,
}

/// The result of committing an activation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    /// The status of the run now.
    pub status: Status,
    /// True if something has arrived that the run may get now.
    pub is_due: bool,
    /// The time of the commit, at which the first attempts of the calls are due.
    pub time: Time,
    /// Runs that have something to do now because of an event.
    pub woken: Vec<RunId>,
    /// True if an event was sent to all, so that there is something to deliver.
    pub broadcasting: bool,
    /// True if orders were written.
    pub ordering: bool,
    /// True if most of the activation is written afterwards, in pieces. Until then nothing of the run is executed, and
    /// its calls are not made.
    pub is_deferred: bool,
    /// The size of the journal now, in bytes.
    pub journal_bytes: u64,
    /// The disk space that the run uses for what it did itself, in bytes.
    pub own_bytes: u64,
}

/// Why an activation was not committed. Nothing of it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitRefused {
    /// The run has ended: it was cancelled meanwhile, or has failed.
    Ended,
    /// The run is blocked.
    Blocked,
    /// The run, its workflow or the host is paused.
    Paused,
    /// The journal does not end where this activation begins, or the run was retried or moved meanwhile.
    Moved,
    /// The completion is out of date: a deadline was about to pass, but something accepted before it has arrived
    /// meanwhile; or a wait was about to get an event aimed at the run, but an event to all has reached it; or a wait
    /// was about to get a request that was known early and did not become durable.
    Stale,
    /// The completion is out of date, because an event to all is on its way to the wait. The run is woken when it
    /// arrives.
    EventUnderway,
}
