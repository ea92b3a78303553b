//! A host as a separate process, for programs that test, measure or show the real host.
//!
//! [`HostProcess`] starts the program on its own data directory and port, waits until it answers, kills it or asks it
//! to end, and starts it again. This crate knows only how a host is started. The end-to-end tests, the benchmark and
//! the demonstration each have their own clients.

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
