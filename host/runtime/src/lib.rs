//! The runtime: everything below HTTP and above the store.
//!
//! [`Runtime::open`] takes [`Parts`] (store, randomness, tasks, egress, compiler) and [`Settings`]. Nothing in this
//! crate names an async runtime, a thread, a socket or the machine's clock. So the whole host can run on one thread in
//! simulated time.
//!
//! [`Runtime`] is the interface for HTTP. Behind it are services, which `assemble` builds and connects. Each service
//! owns its own fields.
//!
//! A completion takes this way:
//!
//! - Something happens outside. A service (`webhooks`, `events`, `calls`, `timers`, `start`, `triggers`) makes it
//!   durable.
//! - The service wakes the run (`wake`): at once if it came from outside, otherwise when it is the run's turn (`herd`).
//!   `slots` ensures that at most one task owns a run.
//! - The owner is in `runner`. It asks the journal's frontier what comes next, lets the engine execute the guest,
//!   commits the decision (`decisions`), and only then acts on it.
//!
//! Other modules: `replay` brings a run back into memory. `owner_state` has what an owner knows before it is durable.
//! `replies` and `watchers` know who waits for an answer or for the end of a run. `secrets` opens a secret for a use
//! that was granted. `endpoint` and `request_checks` check a request before and after its body is read. `forgetting` lets a
//! request be accepted a second time. `recovery` takes up due work at a start. `retirement` removes what has expired.
//! `pauses` pauses and resumes runs, workflows and the host, and `pause_cache` sets aside work that comes due meanwhile.

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
mod endpoint;
mod error;
mod events;
mod execution_error;
mod failed;
mod forgetting;
mod herd;
mod hint;
mod histories;
mod large_work;
mod live;
mod memory;
mod orders;
mod owner_state;
mod parts;
mod pause_cache;
mod pauses;
mod places;
mod preparing;
mod processors;
mod programs;
mod rates;
mod received;
mod recorded;
mod recovery;
mod repairs;
mod replay;
mod replies;
mod request_checks;
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
mod unknown_provider;
mod unusable;
mod urls;
mod waiters;
mod wake;
mod warm;
mod watchers;
mod webhook_providers;
mod webhooks;

pub use bad_step::{BadStep, RedoCommand};
pub use deploy::Deployment;
pub use dormouse_store::{Commits, TriggerAction};
pub use endpoint::Endpoint;
pub use error::{DeployError, NotifyError, StartError, Unavailable};
pub use events::Reached;
pub use forgetting::{ForgetError, Forgotten};
pub use histories::RunHistory;
pub use parts::{
    BuiltComponent, CompileFailure, Compiler, HandedCode, Parts, ScriptCode, ScriptFacts,
};
pub use preparing::{RetriedWithRun, TakeBackSummary};
pub use rates::{Exceeded, Scope};
pub use received::{Received, Refusal, TriggerAnswer, TriggerOutcome};
pub use repairs::{Move, RepairError, RepairedRun, Retry};
pub use runtime::{Readiness, Runtime};
pub use secrets::{SecretUnusable, SecretView, SetSecret, SetSecretError};
pub use settings::Settings;
pub use start::Start;
pub use trigger_control::{SetTriggerError, ShownTrigger, TriggerControl};
pub use unknown_provider::UnknownProvider;
pub use unusable::UnusableSecret;
pub use urls::Address;
pub use watchers::RunStatus;
