//! A host as a process of its own, for whatever tests, measures or shows the real program.
//!
//! [`HostProcess`] starts the program on a data directory and a port of its own, waits until it answers, kills it or
//! asks it to end, and starts it again. It knows how a host is started and nothing of what it does: end-to-end tests,
//! benchmark and demonstration each have a client of their own.

mod error;
mod guard;
mod host;
mod port;
mod probe;
mod time;
mod usage;

pub use error::{StartError, StopError};
pub use guard::ChildGuard;
pub use host::HostProcess;
pub use port::Port;
pub use probe::Probe;
pub use usage::ProcessUsage;
