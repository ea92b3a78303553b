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
mod disk;
mod driver;
mod evidence;
mod generate;
mod history;
mod machine;
mod model;
mod reading;
mod replay;
mod rng;
mod shrink;
mod store_kind;
mod world;

pub use caller::post;
pub use case::{Act, Case, EventKind};
pub use disk::{Operation, SimDisk};
pub use driver::{Totals, drive};
pub use generate::generate;
pub use machine::{Connection, SimEgress, guest, other_version};
pub use model::{AcceptedRequest, RunModel};
pub use reading::Reading;
pub use rng::SeededRng;
pub use shrink::shrink;
pub use store_kind::StoreKind;
pub use world::World;
