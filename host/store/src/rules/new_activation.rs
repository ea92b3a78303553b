//! What is handed to the store for an activation, and what comes of it.

use dormouse_journal::{
    Activation, CancelOptions, Header, Labels, LogLine, NextGeneration, OperationNumber, Payload,
    Response, RunId, Status, Time, WebhookNumber,
};

use super::heir::NewHeir;
use crate::tables::{Call, ChildStart};

/// An activation to be committed, with what its record does not hold.
#[derive(Debug, Clone)]
pub struct NewActivation {
    /// The record. It says where its completion came from.
    pub activation: Activation,
    /// How often the run had been retried or moved when it was executed.
    pub tries: u32,
    /// Webhooks that the run had before it was taken back, whose places others have taken.
    pub replaced: Vec<WebhookNumber>,
    /// The calls that it made.
    pub calls: Vec<NewCall>,
    /// The events that it sent.
    pub notifies: Vec<NewNotify>,
    /// What it asked of other runs.
    pub orders: Vec<NewOrder>,
    /// The callers that it answered.
    pub responses: Vec<NewResponse>,
    /// What the run goes on with, if its generation ends with this activation. There is no record of it then.
    pub next: Option<NewGeneration>,
    /// What it logged.
    pub logs: Vec<LogLine>,
    /// How much the run has logged so far, as the engine counts it.
    pub logged: u64,
    /// The labels that it set.
    pub labels: Labels,
    /// How long the run may be retried if it fails in it, in milliseconds.
    pub repair_within: u64,
    /// The run that may be started if it completes in it, for what it was sent by a trigger and never took. None if it has no
    /// key of a trigger.
    pub heir: Option<NewHeir>,
}

/// The next generation of a run.
#[derive(Debug, Clone)]
pub struct NewGeneration {
    /// What it begins with.
    pub next: NextGeneration,
    /// How many operations are open when the old one ends, at most.
    pub outstanding: u64,
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

/// What an activation asked of another run.
#[derive(Debug, Clone)]
pub enum NewOrder {
    /// To start, with the headers that it sees.
    Start(ChildStart, Vec<Header>),
    /// To cancel.
    Cancel {
        /// Which operation.
        operation: OperationNumber,
        /// None if the text given was no run's id.
        run: Option<RunId>,
        /// How.
        options: CancelOptions,
    },
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
    /// Whether an event was sent to all who wait, so that there is something to serve.
    pub broadcasting: bool,
    /// Whether something was decided about other runs that is to be carried out.
    pub ordering: bool,
    /// How large the journal is now.
    pub journal_bytes: u64,
    /// How much the run owns on the disk by what it did itself.
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
    /// The journal does not end where this activation begins, or the run was retried or moved since.
    Moved,
    /// A deadline was about to pass, but something accepted before it has arrived meanwhile; or a wait was about to get
    /// an event aimed at the run, but one sent to all has reached it; or it was about to get a request that was known in
    /// advance and could not be made durable.
    Stale,
    /// The same, but that the event sent to all is on its way. The run is woken when it comes.
    EventUnderway,
}
