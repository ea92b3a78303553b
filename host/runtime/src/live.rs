//! A run whose instance is in memory, being executed or kept warm.

use std::sync::Arc;

use dormouse_engine::Instance;
use dormouse_journal::{Frontier, Time};
use tokio::sync::OwnedSemaphorePermit;

/// A run whose instance is in memory.
pub(crate) struct LiveRun {
    /// The name of its workflow.
    pub(crate) workflow: Arc<str>,
    pub(crate) instance: Instance,
    pub(crate) frontier: Frontier,
    /// The number of the next activation.
    pub(crate) next: u32,
    /// How many operations it has made.
    pub(crate) operations: u32,
    /// True if it was taken back in this generation.
    pub(crate) was_taken_back: bool,
    /// True if the guest was called in this generation, and the outcome is committed.
    pub(crate) has_begun: bool,
    /// How often the run was retried or moved.
    pub(crate) tries: u32,
    /// Of the last activation.
    pub(crate) time: Time,
    pub(crate) journal_bytes: u64,
    /// How much the run owned on the disk after its last commit, by what it did itself.
    pub(crate) own_bytes: u64,
    /// True if requests to a trigger belong to it by their key.
    pub(crate) is_keyed: bool,
    /// Held as long as the instance exists.
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// What a warm run costs beside its instance and what it waits for: the slot, the empty maps of the frontier.
const OVERHEAD: u64 = 2 << 10;

/// What the frontier keeps for each operation that is outstanding: the operation, and its place in up to four maps.
const EACH_OPEN: u64 = 640;

impl LiveRun {
    /// Bytes of memory that dropping it would free.
    pub(crate) fn footprint(&self) -> u64 {
        let open = self.frontier.outstanding() as u64 * EACH_OPEN;
        self.instance.footprint() as u64 + OVERHEAD + open
    }
}
