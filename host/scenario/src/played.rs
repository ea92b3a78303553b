//! What came of a scenario.

use dormouse_journal::{Activation, LogLine};

use crate::transcript::Event;

/// A scenario that was played.
#[derive(Debug, Clone)]
pub struct Played {
    /// Why it did not go as it says, if so.
    pub failed: Option<Failed>,
    /// What happened, the last events of it.
    pub events: Vec<Event>,
    /// The journal of the run's last generation, the beginning of it.
    pub journal: Vec<Activation>,
    /// The run's log, the beginning of it.
    pub log: Vec<LogLine>,
    /// How many attempts at calls were made.
    pub calls: usize,
    /// The lines of the file where answers begin that were never given.
    pub unused: Vec<usize>,
    /// How much time passed, in milliseconds.
    pub took: u64,
}

/// Why a scenario did not go as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The step, counted from 1, with the line of the file where it begins. None if it was not one of them.
    pub step: Option<(usize, usize)>,
    /// Why.
    pub message: String,
    /// More of it, a line each.
    pub details: Vec<String>,
}
