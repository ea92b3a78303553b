//! The options of a store.

use redb::Database;

/// The options of a store.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The size of the cache in bytes.
    pub cache: usize,
    /// The number of bytes that must be free on the disk before a write is tried.
    pub reserve: u64,
    /// True to verify the whole store when it is opened, which reads it once. Otherwise it is opened at once, whatever
    /// its size and however the host ended. Then each commit takes longer to prepare that, and damage is not noticed.
    pub verify: bool,
}

impl Options {
    /// Returns true if commits prepare the store to be opened at once. A store that is verified at each start is read
    /// as a whole anyway, so this is not needed.
    pub(crate) fn quick_repair(self) -> bool {
        !self.verify
    }
}

/// Returns the builder of a database with a cache of this many bytes.
pub(crate) fn builder(cache: usize) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(cache);
    builder
}
