//! The interfaces on which everything below HTTP is built, besides the store.
//!
//! Nothing below HTTP names an async runtime, a thread or the machine's clock. It gets a [`Clock`], an [`Entropy`], a
//! [`Spawner`] and an [`Egress`]. So a test can pass simulated ones, run the whole host on one thread, and get the same
//! bytes each time.

mod clock;
mod egress;
mod large_body;
mod steps;

use std::future::Future;
use std::pin::Pin;

pub use clock::{Clock, ClockSnapshot, HostClock};
pub use egress::{Attempt, Egress, SecretHeader, SecretValue};
pub use large_body::{BodyMissing, BodySource, LargeBody};
pub use steps::Seen;

/// A future that can be passed to a [`Spawner`].
pub type Task<T = ()> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Randomness from the system.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with random bytes that nobody can predict.
    fn fill(&self, bytes: &mut [u8]);
}

/// Runs tasks.
pub trait Spawner: Send + Sync + 'static {
    /// Runs a task until it ends, concurrently with others.
    fn spawn(&self, task: Task);

    /// Runs a task that may block its thread, for example by a read from the disk, without delaying any other task. It may
    /// have to wait for a thread.
    fn spawn_blocking(&self, task: Task);

    /// Runs a task of the store's writer, which may block its thread by a disk sync. The thread is kept for this purpose, so
    /// that such a task never waits for one. There is one such task at a time.
    fn spawn_writer(&self, task: Task) {
        self.spawn_blocking(task);
    }

    /// Returns how many tasks can be executed at the same time, which is at least one.
    fn parallelism(&self) -> usize {
        1
    }
}
