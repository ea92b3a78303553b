//! The runtime: everything below HTTP, built by one constructor from what it is handed.
//!
//! [`Runtime::open`] takes [`Parts`] (clock, randomness, disk, tasks, egress, compiler) and [`Settings`]. Nothing in
//! here names a runtime of tasks, a thread, a socket or the machine's clock, so that the whole host can be run on one
//! thread in simulated time.
//!
//! The way of a completion: something happens outside, and the [`Runtime`] makes it durable; the run is woken in
//! `slots`, which sees to it that one task at most owns a run; that task is in `runner`, which asks the journal's
//! frontier what comes next, lets the engine run the guest, commits what it decided, and only then acts on it: calls
//! (`calls`), events (`events`), answers to callers of webhooks (`replies`). `secrets` opens a secret for the use that was
//! granted, `foretold` has what an owner is told before it is durable, `timers` wakes runs whose deadlines have passed,
//! `retirement` removes what has expired.

mod calls;
mod deploy;
mod egress;
mod error;
mod events;
mod foretold;
mod live;
mod parts;
mod programs;
mod rates;
mod rebuild;
mod replies;
mod retirement;
mod retry;
mod run_ids;
mod runner;
mod runtime;
mod secrets;
mod settings;
mod slots;
mod timers;
mod trouble;
mod urls;
mod waiters;
mod webhooks;

pub use deploy::Deployment;
pub use dormouse_store::Commits;
pub use egress::{Attempt, Egress, SecretHeader};
pub use error::{DeployError, StartError, Unavailable};
pub use parts::{CompileFailure, Compiler, Parts};
pub use rates::{Exceeded, Scope};
pub use runtime::{Readiness, Runtime, Start};
pub use secrets::{SecretTrouble, SecretView, SetSecret, SetSecretError};
pub use settings::{Limits, Settings};
pub use webhooks::{Incoming, Received, Refusal};
