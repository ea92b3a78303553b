//! What a failed run keeps in its row of `states` to be retried.

use dormouse_journal::Time;
use serde::{Deserialize, Serialize};

/// What a failed run keeps to be retried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// Where the run stood before the activation in which it failed. None if it failed otherwise, so that the journal
    /// has none to be taken back.
    pub before: Option<Stood>,
    /// True if the run that started it was given its failure.
    pub parent_told: bool,
}

/// Where a run stood before an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stood {
    /// How many operations it had made.
    pub operations: u32,
    /// How large its journal was.
    pub journal_bytes: u64,
    /// How much it had logged.
    pub log_bytes: u64,
    /// The time of the activation before.
    pub time: Time,
}
