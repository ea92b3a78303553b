//! The `dormouse` program: HTTP, configuration and the command line around the runtime.
//!
//! Where to start reading: [`cli`] has the commands. `dormouse serve` reads a [`Config`](dormouse_config::Config) and
//! hands it to [`serve`], which builds the runtime from the real [`machine`] with its [`settings`], and puts two sets of
//! routes before it: [`api`] for whoever operates it, and [`ingress`] for the outside world that wakes runs. Both answer
//! errors as a [`problem::Problem`]. What the host logs goes through [`log`]. The other commands are clients of the API, in [`dormouse_cli`]; [`dormouse_api`] has
//! what goes between them and it.

pub mod api;
pub mod cli;
pub mod health;
pub mod ingress;
pub mod log;
pub mod machine;
pub mod metrics;
pub mod problem;
mod request;
pub mod serve;
pub mod settings;
