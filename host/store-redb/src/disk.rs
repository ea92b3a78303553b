//! The place where the store's bytes are kept.

use std::fmt;
use std::io;
use std::sync::Arc;

use redb::StorageBackend;

/// The place where the store's bytes are kept.
pub trait Disk: Send + Sync + 'static {
    /// Opens the bytes. Called at the start, and again after a failure of the disk that may pass (it was full).
    ///
    /// # Errors
    /// When they cannot be opened.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// Returns how many bytes can still be written. A commit is refused while there are fewer than the host wants to
    /// keep free.
    ///
    /// # Errors
    /// When the disk does not tell.
    fn available(&self) -> io::Result<u64>;

    /// Returns how many bytes of the disk the store occupies.
    ///
    /// # Errors
    /// When the disk does not tell.
    fn occupied(&self) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Returns how many bytes the reserve keeps. They do not count as available.
    fn reserved(&self) -> u64 {
        0
    }

    /// Sets the size of the reserve.
    ///
    /// # Errors
    /// When there is no space for it. The reserve is then as before.
    fn make_reserve(&self, bytes: u64) -> io::Result<()> {
        let _ = bytes;
        Ok(())
    }

    /// Gives the reserve up. Returns true if there was one.
    fn give_up_reserve(&self) -> bool {
        false
    }
}

/// A storage backend that uses the reserve of its disk. A write that finds the disk full gives the reserve up and is tried
/// once more: after an error, redb would have to open and repair the whole file.
pub(crate) struct ReservingBackend {
    bytes: Box<dyn StorageBackend>,
    disk: Option<Arc<dyn Disk>>,
}

impl ReservingBackend {
    /// Creates a backend without a reserve.
    pub(crate) fn new(bytes: Box<dyn StorageBackend>) -> Self {
        ReservingBackend { bytes, disk: None }
    }

    /// Opens the bytes of a disk.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub(crate) fn open(disk: &Arc<dyn Disk>) -> io::Result<Self> {
        Ok(ReservingBackend {
            bytes: disk.open()?,
            disk: Some(disk.clone()),
        })
    }

    fn with_reserve(
        &self,
        write: impl Fn(&dyn StorageBackend) -> io::Result<()>,
    ) -> io::Result<()> {
        match (write(&*self.bytes), &self.disk) {
            (Err(error), Some(disk)) if is_full(&error) && disk.give_up_reserve() => {
                tracing::warn!(
                    "the disk is full; its reserve was used up, and writes are refused until there is room for it again"
                );
                write(&*self.bytes)
            }
            (written, _) => written,
        }
    }
}

/// Returns true if an error means that there is no space, which may pass.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

impl fmt::Debug for ReservingBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.fmt(f)
    }
}

type Bound = std::ops::Bound<u64>;

impl StorageBackend for ReservingBackend {
    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with_reserve(|bytes| bytes.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with_reserve(|bytes| bytes.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with_reserve(|bytes| bytes.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.bytes.close()
    }

    fn try_lock_range(&self, start: Bound, end: Bound) -> Result<bool, redb::BackendError> {
        self.bytes.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound, end: Bound) -> Result<bool, redb::BackendError> {
        self.bytes.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound, end: Bound) -> Result<(), redb::BackendError> {
        self.bytes.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound, end: Bound) -> Result<(), redb::BackendError> {
        self.bytes.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound, end: Bound) -> Result<(), redb::BackendError> {
        self.bytes.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound, end: Bound) -> Result<bool, redb::BackendError> {
        self.bytes.query_lock_range(start, end)
    }
}
