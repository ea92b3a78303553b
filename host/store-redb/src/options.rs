//! How a store is kept.

use redb::Database;

/// How a store is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many bytes of it are kept in memory.
    pub cache: usize,
    /// How many bytes must be left on the disk for a write to be tried.
    pub reserve: u64,
    /// Whether all of it is verified when it is opened, at the cost of reading it once. Otherwise it is opened at once,
    /// whatever its size and however the host ended: each commit then takes the longer to keep it ready for that, and
    /// damage goes unseen.
    pub verify: bool,
}

impl Options {
    /// Returns true if commits keep the store ready to be opened at once. What is verified at each start is read as a whole
    /// then, and need not be kept ready for less.
    pub(crate) fn quick_repair(self) -> bool {
        !self.verify
    }
}

/// Returns the builder of a database of which so many bytes are kept in memory.
pub(crate) fn builder(cache: usize) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(cache);
    builder
}
