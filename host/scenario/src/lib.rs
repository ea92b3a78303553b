//! Scenarios: files that say what happens to a workflow from outside and what the workflow must do. They are played
//! without a host.
//!
//! A scenario is played on a simulated machine. Everything above the network is real: the runtime, the rules of the
//! store, the engine, and the workflow's own component. Time jumps to the next event, so a month takes no time, and the
//! same scenario does the same each time. No instance is kept between two activations, so each activation replays the
//! journal. A scenario that succeeds has therefore also shown that the workflow is deterministic.
//!
//! [`Scenario::read`] reads a file, and [`play`] plays it.

mod compiler;
mod content;
mod difference;
mod file;
mod json;
mod machine;
mod names;
mod network;
mod outcome;
mod pattern;
mod play;
mod played;
mod requests;
mod step;
mod transcript;

pub use compiler::InProcess;
pub use file::{InvalidScenario, Scenario};
pub use machine::{Code, MakeResponse};
pub use network::Rules;
pub use play::play;
pub use played::{Failed, Played};
pub use transcript::{Event, EventKind, Line, folded};
