//! The result of carrying out orders, for the services that act on it.

use dormouse_journal::{OperationNumber, Response, RunId, Status};

use crate::views::OutstandingCall;

/// The result of carrying out a piece.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// Runs that have something to do now, such as those that were started.
    pub woken: Vec<RunId>,
    /// Runs and operations that have got their results. A run that waits for thousands need not look at all of them.
    pub told: Vec<(RunId, OperationNumber)>,
    /// Runs that were cancelled.
    pub cancelled: Vec<RunId>,
    /// Runs that broke, were not repaired in time, and have failed.
    pub failed: Vec<RunId>,
    /// True if work that was set aside must be put back.
    pub resuming: bool,
    /// Calls whose next attempts are due.
    pub calls: Vec<OutstandingCall>,
    /// Callers that were answered: the run, the delivery, and the response.
    pub answered: Vec<(RunId, String, Response)>,
    /// True if an event was sent to all.
    pub broadcasting: bool,
    /// Runs of which an activation is now written completely, with their status.
    pub settled: Vec<(RunId, Status)>,
    /// The run that had the last turn.
    pub last: Option<RunId>,
}
