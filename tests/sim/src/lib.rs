//! A host in simulation: one thread, simulated time, seeded randomness, a disk that can lose power, and a network that
//! is a function. Everything above these seams is the real thing: the real runtime, engine and store, and real guests.
//!
//! [`World`] is the machine, which outlives the host on it; [`World::host`] starts a host, and [`World::crash`] takes it
//! away between two polls of a task, with whatever the disk had not synced.

#![allow(clippy::panic, reason = "a test that cannot go on fails")]

mod caller;
mod disk;
mod executor;
mod machine;
mod world;

pub use disk::{Operation, SimDisk};
pub use executor::Executor;
pub use machine::{SimEgress, guest};
pub use world::World;
