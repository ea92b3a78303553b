//! The result of a scenario.

use dormouse_journal::{Activation, LogLine};

use crate::transcript::Event;

/// A scenario that was played.
#[derive(Debug, Clone)]
pub struct Played {
    /// Why the scenario failed, if it did.
    pub failed: Option<Failed>,
    /// The last events of the scenario.
    pub events: Vec<Event>,
    /// The beginning of the journal of the run's last generation.
    pub journal: Vec<Activation>,
    /// The beginning of the run's log.
    pub log: Vec<LogLine>,
    /// The number of attempts at calls.
    pub calls: usize,
    /// The lines of the file at which answers begin that were never given.
    pub unused: Vec<usize>,
    /// The simulated time that passed, in milliseconds.
    pub took: u64,
}

/// Why a scenario failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The number of the step and the line of the file at which it begins. The first step is 1. `None` if
    /// the failure is not of a step.
    pub step: Option<(usize, usize)>,
    /// What was wrong.
    pub message: String,
    /// More about it, one text for each line.
    pub details: Vec<String>,
}
