//! What everything below HTTP is built from, besides the egress client: clock, randomness, tasks and disk.
//!
//! Nothing below HTTP names a runtime, a thread or the machine's clock; it is handed these. So a test can hand in a
//! simulated clock and a disk that loses power, run the whole host on one thread, and get the same bytes twice.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use dormouse_journal::Time;
pub use redb::StorageBackend;

/// A future that can be handed to a [`Spawner`].
pub type Task<T = ()> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// The time.
pub trait Clock: Send + Sync + 'static {
    /// The time now. It may jump back; [`crate::HostClock`] is what the host reads, and does not.
    fn now(&self) -> Time;

    /// Resolves when [`Clock::now`] has reached this point.
    fn sleep_until(&self, time: Time) -> Task;

    /// The processor time that the calling thread has used.
    fn thread_time(&self) -> Duration;
}

/// Randomness from the system.
pub trait Entropy: Send + Sync + 'static {
    /// Fills with random bytes that nobody can foretell.
    fn fill(&self, bytes: &mut [u8]);
}

/// Where work runs.
pub trait Spawner: Send + Sync + 'static {
    /// Runs a task to its end, on its own.
    fn spawn(&self, task: Task);

    /// Runs a task that blocks its thread at times, as by a disk sync, where it holds up no other.
    fn spawn_blocking(&self, task: Task);
}

/// Where the store's bytes lie.
pub trait Disk: Send + Sync + 'static {
    /// Opens the bytes. Called at the start, and again after the disk failed in a way that may pass (it was full).
    ///
    /// # Errors
    /// When they cannot be opened.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// Bytes that can still be written. A commit is refused while they are fewer than the host wants left.
    ///
    /// # Errors
    /// When the disk does not say.
    fn available(&self) -> io::Result<u64>;
}

/// A boxed backend is a backend.
pub(crate) struct Backend(pub(crate) Box<dyn StorageBackend>);

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

type Bound = std::ops::Bound<u64>;

impl StorageBackend for Backend {
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
