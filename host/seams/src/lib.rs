//! The seams: what everything below HTTP is built on, besides the store.
//!
//! Nothing below HTTP names a runtime of tasks, a thread or the machine's clock; it is handed a [`Clock`], an [`Entropy`],
//! a [`Spawner`] and an [`Egress`]. So a test can hand in simulated ones, run the whole host on one thread, and get the same bytes twice.

mod clock;
mod egress;
mod steps;

use std::future::Future;
use std::pin::Pin;

pub use clock::{Clock, HostClock, Mark};
pub use egress::{Attempt, Egress, SecretHeader, SecretValue};
pub use steps::Seen;

/// A future that can be handed to a [`Spawner`].
pub type Task<T = ()> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Randomness from the system.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with random bytes that nobody can predict.
    fn fill(&self, bytes: &mut [u8]);
}

/// Runs tasks.
pub trait Spawner: Send + Sync + 'static {
    /// Runs a task to its end, beside whatever else runs.
    fn spawn(&self, task: Task);

    /// Runs a task that may block its thread, for example by a disk sync, without delaying any other task.
    fn spawn_blocking(&self, task: Task);
}
