//! A host in simulation: one thread, simulated time, seeded randomness, a store that can lose power (redb on a
//! simulated disk, or a store in memory), and a network that is a function. Everything above these seams is real: the
//! runtime, the engine, the store and the guests.
//!
//! [`World`] is the machine, which outlives the host on it. [`World::host`] starts a host. [`World::crash`] removes the
//! host between two polls of a task, and loses the writes that were not synced.

#![allow(clippy::panic, reason = "a test that cannot go on fails")]

mod caller;
mod case;
mod check;
mod dice;
mod disk;
mod driver;
mod evidence;
mod generate;
mod ground;
mod history;
mod machine;
mod model;
mod reading;
mod replay;
mod shrink;
mod world;

pub use caller::post;
pub use case::{Act, Case, What};
pub use dice::Dice;
pub use disk::{Operation, SimDisk};
pub use driver::{Numbers, drive};
pub use generate::generate;
pub use ground::Ground;
pub use machine::{Connection, SimEgress, guest, other_version};
pub use model::{Journey, Kept};
pub use reading::Reading;
pub use shrink::shrink;
pub use world::World;
