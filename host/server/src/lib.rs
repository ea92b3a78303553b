//! The `dormouse` program: HTTP, configuration and the command line around the runtime.
//!
//! Begin reading here: [`cli`] has the commands. `dormouse serve` reads a [`Config`](dormouse_config::Config) and
//! passes it to [`serve`], which builds the runtime from the real [`machine`] and its [`settings`]. It puts two sets of
//! routes in front of the runtime: [`api`] for operators, and [`ingress`] for the outside world that wakes runs. Both
//! answer errors as a [`problem::Problem`]. The host logs through [`log`]. The other commands are clients of the API,
//! in [`dormouse_cli`]; [`dormouse_api`] has the types that both sides use.

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
