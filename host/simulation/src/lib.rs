//! A simulated machine: tasks on one thread, time that moves when all of them wait, randomness from a seed.
//!
//! A host that is built on it does the same each time, and a wait of a month takes no time. `dormouse test` runs workflows on
//! it, and so do the host's own tests, which have it fail as well.

mod entropy;
mod executor;

pub use entropy::Seeded;
pub use executor::{Executor, Seam, Spinning};
