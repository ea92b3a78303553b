//! A run whose instance is in memory, because it is being executed or is kept warm.

use std::sync::Arc;

use dormouse_engine::Instance;
use dormouse_journal::{Frontier, Time};
use dormouse_limits::Account;
use tokio::sync::OwnedSemaphorePermit;

/// A run whose instance is in memory.
pub(crate) struct LiveRun {
    /// The name of the run's workflow.
    pub(crate) workflow: Arc<str>,
    pub(crate) instance: Instance,
    /// The account of the instance's memory. It rests while the instance is kept warm.
    pub(crate) account: Arc<Account>,
    pub(crate) frontier: Frontier,
    /// The number of the run's generation.
    pub(crate) generation: u32,
    /// The number of the next activation.
    pub(crate) next: u32,
    /// The number of operations that the run has made.
    pub(crate) operations: u32,
    /// True if the run was taken back in this generation.
    pub(crate) was_taken_back: bool,
    /// True if the guest was called in this generation, and the outcome is committed.
    pub(crate) has_begun: bool,
    /// The number of times that the run was retried or moved.
    pub(crate) tries: u32,
    /// The time of the last activation.
    pub(crate) time: Time,
    pub(crate) journal_bytes: u64,
    /// The bytes on the disk that the run had made itself, after its last commit.
    pub(crate) own_bytes: u64,
    /// True if requests to a trigger belong to the run because of their key.
    pub(crate) is_keyed: bool,
    /// The permit for the instance, held as long as the instance exists.
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// The bytes that a warm run uses besides its instance and its open operations: the slot, and the empty maps of the
/// frontier.
const OVERHEAD: u64 = 2 << 10;

/// The bytes that the frontier uses for each open operation: the operation, and its place in up to four maps.
const EACH_OPEN: u64 = 640;

impl LiveRun {
    /// Returns the bytes of memory that dropping the run would free.
    pub(crate) fn footprint(&self) -> u64 {
        let open = self.frontier.outstanding() as u64 * EACH_OPEN;
        self.instance.footprint() as u64 + OVERHEAD + open
    }
}
