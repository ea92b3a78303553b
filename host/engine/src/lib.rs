//! The engine: runs a workflow's component, one completion at a time.
//!
//! An [`Engine`] compiles components; a host has one. A [`Program`] is a compiled component that is linked with the
//! contract. An [`Instance`] is one run of a program: it gets recorded activations to replay, then completions one by
//! one, and returns what the guest decided as a [`Decision`]. Nothing is performed here: this crate has no store, no
//! clock, no thread and no async runtime. The caller passes in the time, the URLs of webhooks and the processor time
//! used, and performs a decision's effects once the activation is committed.
//!
//! The guest is polled by hand. A completion is the outcome of one operation that the guest waits for. The guest is
//! polled until it waits and nothing has woken it. Only then does it get the next completion. So a guest sees things in
//! the order of the journal, whatever the machine does.
//!
//! Begin reading here: `instance` drives a guest, `state` is what the guest's calls and the driver share, `operations`
//! is the one place where calls become operations, and there is one file for each interface of the contract. WASI is in
//! `wasi`.

mod answers;
mod bindings;
mod code;
mod config;
mod context;
mod cpu;
mod decision;
mod earlier;
mod engine;
mod events;
mod failure;
mod guest;
mod held;
mod http;
mod instance;
mod instance_parts;
mod labels;
mod limits;
mod log;
mod memory;
mod operations;
mod program;
mod runs;
mod script;
mod settings;
mod state;
mod steps;
mod stop;
mod timers;
mod types;
mod wait;
mod waits;
mod wasi;
mod webhook_options;
mod webhooks;

pub use code::{CodeRejected, SharedCode, SharedId, open, seal, shared_by};
pub use config::{Config, WASM_STACK};
pub use cpu::CpuClock;
pub use decision::{Decision, Effect, Interruption};
pub use earlier::{EarlierWebhook, EarlierWebhooks};
pub use engine::{CompileError, Engine, EngineError, Fingerprint};
pub use instance::Instance;
pub use instance_parts::{InstanceParts, RunContext, Turns, Urls};
pub use program::{LaunchError, LinkError, Program, SHARED_CODE};
pub use script::{Evaluated, ScriptRefused, evaluate};
