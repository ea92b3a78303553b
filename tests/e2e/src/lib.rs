//! The base of the end-to-end tests: the real `dormouse` program as a separate process, services for its workflows to
//! call, and a client that controls exactly what is sent.
//!
//! [`Host`] is the program, which [`dormouse_harness`] starts and kills. [`Run`] is one run on it. [`Service`] is a
//! service that workflows call, and [`Provider`] is the one that comes with an example. [`request`], [`http2`] and
//! [`raw`] speak HTTP, and [`sign`] signs requests as providers do. [`Cli`] runs the other commands. A test does what a
//! person would do. It waits with [`wait_until`] for an expected state, and not for a fixed time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "what fails here fails a test, which shows it"
)]

mod api;
mod cli;
mod host;
mod http;
pub mod http2;
mod mirror;
mod mount;
mod program;
mod provider;
pub mod raw;
mod rng;
mod run;
mod service;
mod signing;
mod waiting;

pub use cli::{Cli, Outcome};
pub use host::Host;
pub use http::{Answer, Request, post, request};
pub use mirror::{body, bytes, header_values, json_body};
pub use mount::Mount;
pub use program::{guest, guest_file, make_private, refuse_to_start, serve_command};
pub use provider::Provider;
pub use rng::SeededRng;
pub use run::Run;
pub use service::{Received, Reply, Service};
pub use signing::{Scheme, sign};
pub use waiting::{Stopwatch, now, pause, wait_until, with_enough_time};
