//! Where the store's bytes lie.

use std::fmt;
use std::io;

use redb::StorageBackend;

/// Where the store's bytes lie.
pub trait Disk: Send + Sync + 'static {
    /// Opens the bytes. Called at the start, and again after the disk failed in a way that may pass (it was full).
    ///
    /// # Errors
    /// When they cannot be opened.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// Returns how many bytes can still be written. A commit is refused while they are fewer than the host wants left.
    ///
    /// # Errors
    /// When the disk does not say.
    fn available(&self) -> io::Result<u64>;
}

/// A boxed backend, as one.
pub(crate) struct Boxed(pub(crate) Box<dyn StorageBackend>);

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

type Bound = std::ops::Bound<u64>;

impl StorageBackend for Boxed {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound, end: Bound) -> Result<bool, redb::BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound, end: Bound) -> Result<bool, redb::BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound, end: Bound) -> Result<(), redb::BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound, end: Bound) -> Result<(), redb::BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound, end: Bound) -> Result<(), redb::BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound, end: Bound) -> Result<bool, redb::BackendError> {
        self.0.query_lock_range(start, end)
    }
}
