//! The runtime: everything below HTTP and above the store.
//!
//! [`Runtime::open`] takes [`Parts`] (store, randomness, tasks, egress, compiler) and [`Settings`]. Nothing in here names
//! a runtime of tasks, a thread, a socket or the machine's clock, so that the whole host can be run on one thread in
//! simulated time.
//!
//! [`Runtime`] is what HTTP asks. Behind it are services, which `assemble` builds and hands to each other; each owns what
//! is its own. The way of a completion: something happens outside, and a service (`webhooks`, `events`, `calls`, `timers`,
//! `start`, `triggers`) makes it durable and wakes the run by its handle (`wake`): at once if it came from outside, and else when it is the
//! run's turn (`herd`); `slots` sees to it that one task at most owns a run;
//! that task is in `runner`, which asks the journal's frontier what comes next, lets the engine run the guest, commits what
//! it decided (`decisions`), and only then acts on it. `replay` brings a run back into memory, `early` has what an owner is
//! told before it is durable, `replies` and `watchers` know who waits for an answer or an end, `secrets` opens a secret for
//! the use that was granted, `addressee` and `expected` judge a request before its
//! body is read and with it, `forgetting` has one taken that came before, `recovery` takes up what is due at a start, `retirement` removes what has expired, `pauses` has runs, workflows and the host pause and go on, and `aside` sets aside what
//! comes due meanwhile.

mod addressee;
mod aside;
mod assemble;
mod back;
mod bad_answers;
mod bad_step;
mod call_attempt;
mod call_body;
mod call_queue;
mod call_results;
mod calls;
mod clock_watch;
mod companions;
mod compile_error;
mod deadlines;
mod decisions;
mod deploy;
mod error;
mod events;
mod expected;
mod failed;
mod forgetting;
mod herd;
mod hint;
mod histories;
mod live;
mod memory;
mod orders;
mod parts;
mod pauses;
mod places;
mod preparing;
mod processors;
mod programs;
mod rates;
mod received;
mod recovery;
mod repairs;
mod replay;
mod replies;
mod retirement;
mod retry;
mod run_ids;
mod runner;
mod runtime;
mod secrets;
mod services;
mod settings;
mod shared_code;
mod shares;
mod slots;
mod start;
mod storage;
mod timers;
mod trigger_control;
mod triggers;
mod trouble;
mod turn;
mod unknown_provider;
mod unusable;
mod urls;
mod waiters;
mod wake;
mod warm;
mod watchers;
mod webhook_providers;
mod webhooks;

pub use addressee::Addressee;
pub use bad_step::{Again, BadStep};
pub use deploy::Deployment;
pub use dormouse_store::{Commits, TriggerAction};
pub use error::{DeployError, NotifyError, StartError, Unavailable};
pub use events::Reached;
pub use forgetting::{ForgetError, Forgotten};
pub use histories::RunHistory;
pub use parts::{CompileFailure, Compiler, HandedCode, Parts, ScriptCode, ScriptFacts, TakenIn};
pub use preparing::{Back, BroughtBack};
pub use rates::{Exceeded, Scope};
pub use received::{Came, Received, Refusal, TriggerAnswer};
pub use repairs::{Move, RepairError, RepairedRun, Retry};
pub use runtime::{Readiness, Runtime};
pub use secrets::{SecretTrouble, SecretView, SetSecret, SetSecretError};
pub use settings::Settings;
pub use start::Start;
pub use trigger_control::{SetTriggerError, ShownTrigger, TriggerControl};
pub use unknown_provider::UnknownProvider;
pub use unusable::UnusableSecret;
pub use urls::Address;
