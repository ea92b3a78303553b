//! Scenarios: what happens to a workflow from outside, and what it must do, written in a file and played without a host.
//!
//! A scenario is played on a simulated machine. Below the network everything is the real thing: the runtime, the rules of the
//! store, the engine, the workflow's own component. Time goes on by itself to where something happens next, so that a month
//! takes no time, and the same scenario does the same each time. No instance is kept between two activations: each of them
//! replays the journal, so that a scenario which goes well has shown that the workflow is deterministic, too.
//!
//! [`Scenario::read`] reads a file, [`play`] plays it.

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
pub use file::{NoScenario, Scenario};
pub use machine::{Code, Told};
pub use network::Rules;
pub use play::play;
pub use played::{Failed, Played};
pub use transcript::{Event, Line, What, folded};
