//! A run whose instance is in memory, being executed or kept warm.

use dormouse_engine::Instance;
use dormouse_journal::{Frontier, Time};
use tokio::sync::OwnedSemaphorePermit;

/// A run whose instance is in memory.
pub(crate) struct LiveRun {
    pub(crate) instance: Instance,
    pub(crate) frontier: Frontier,
    /// The number of the next activation.
    pub(crate) next: u32,
    /// Of the last activation.
    pub(crate) time: Time,
    pub(crate) journal_bytes: u64,
    /// Held as long as the instance exists.
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// What a warm run costs besides its guest's own memory: fiber stack, store, tables. Measured at 56 KiB.
const OVERHEAD: u64 = 64 << 10;

impl LiveRun {
    /// Bytes of memory that dropping it would free.
    pub(crate) fn footprint(&self) -> u64 {
        self.instance.footprint() as u64 + OVERHEAD
    }
}
