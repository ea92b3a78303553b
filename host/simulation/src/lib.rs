//! A simulated machine: tasks on one thread, time that moves on when all of them wait, and randomness from a seed.
//!
//! A host on this machine does the same each time, and a wait of a month takes no time. `dormouse test` runs workflows
//! on it. The host's own tests use it too, and also make it fail.

mod entropy;
mod executor;

pub use entropy::Seeded;
pub use executor::{Executor, Seam, Spinning};
