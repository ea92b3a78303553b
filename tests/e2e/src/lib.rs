//! What the tests from outside stand on: the real `dormouse` program as a process of its own, services for its workflows
//! to call, and a client that says exactly what goes over the wire.
//!
//! [`Host`] is the program, which [`dormouse_harness`] starts and kills; [`Run`] is one run on it; [`Service`] is what a
//! workflow calls, [`Provider`] the one that comes with an example; [`request`], [`http2`] and [`raw`] speak HTTP, and
//! [`sign`] as providers do; [`Cli`] runs the other commands. A test reads like what a person would do, and waits with
//! [`wait_until`] for what it expects rather than for a time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "what fails here fails a test, which shows it"
)]

mod api;
mod chance;
mod cli;
mod host;
mod http;
pub mod http2;
mod mirror;
mod mount;
mod patience;
mod program;
mod provider;
pub mod raw;
mod run;
mod service;
mod signing;

pub use chance::Chance;
pub use cli::{Cli, Outcome};
pub use host::Host;
pub use http::{Answer, Request, post, request};
pub use mirror::{body, bytes, header_values, json_body};
pub use mount::Mount;
pub use patience::{Stopwatch, now, pause, wait_until, with_time_enough};
pub use program::{guest, guest_file, make_private, refuse_to_start, serve_command};
pub use provider::Provider;
pub use run::Run;
pub use service::{Received, Reply, Service};
pub use signing::{Scheme, sign};
