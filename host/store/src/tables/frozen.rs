//! What a failed run keeps in its row of `states` for a retry.

use dormouse_journal::Time;
use serde::{Deserialize, Serialize};

/// What a failed run keeps for a retry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// The state of the run before the activation in which it failed. None if it did not fail in an activation, so
    /// that the journal has none to take back.
    pub before: Option<StateBefore>,
    /// True if the run that started it has got its failure.
    pub parent_told: bool,
}

/// The state of a run before an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateBefore {
    /// The number of operations that the run had made.
    pub operations: u32,
    /// The size of the run's journal in bytes.
    pub journal_bytes: u64,
    /// The size of the run's log in bytes.
    pub log_bytes: u64,
    /// The time of the previous activation.
    pub time: Time,
}
