//! The `dormouse` program: HTTP, configuration and the command line around the runtime.
//!
//! Where to start reading: [`cli`] has the commands. `dormouse serve` reads a [`config::Config`] and hands it to
//! [`serve`], which builds the runtime from the real [`machine`] and puts two sets of routes before it: [`api`] for
//! whoever operates it, and [`ingress`] for the outside world that wakes runs. Both answer errors as a
//! [`problem::Problem`]. The other commands are clients of the API; what goes between them and it is in [`model`].

pub mod api;
pub mod cli;
pub mod config;
pub mod ingress;
pub mod machine;
pub mod metrics;
pub mod model;
pub mod problem;
mod request;
pub mod serve;
