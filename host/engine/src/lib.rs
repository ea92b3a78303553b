//! The engine: runs a workflow's component, one completion at a time.
//!
//! An [`Engine`] compiles components and is shared by all. A [`Program`] is a compiled component that is linked with the
//! contract. An [`Instance`] is one run of it: it is handed recorded activations to repeat, then completions one by one,
//! and gives back what the guest decided as a [`Decision`]. Nothing is performed here: there is no store, no clock, no
//! thread and no runtime in this crate. The time, the URLs of webhooks and the CPU time used come from its caller, and
//! effects go back to it, to be performed once the activation is committed.
//!
//! The guest is polled by hand. A completion fills the slot of one waiting operation; the guest is polled until it waits
//! and nothing has woken it, and only then may the next completion go in. So the order in which a guest sees things is
//! the order of the journal, whatever the machine does.
//!
//! Where to start reading: `instance` drives a guest, `operations` is the one place where a guest's calls become
//! operations, and there is one file for each interface of the contract. WASI is in `wasi`.

mod answers;
mod bindings;
mod code;
mod config;
mod context;
mod cpu;
mod decision;
mod engine;
mod events;
mod failure;
mod http;
mod instance;
mod limits;
mod log;
mod operations;
mod program;
mod shared;
mod steps;
mod timers;
mod types;
mod wait;
mod wasi;
mod webhook_options;
mod webhooks;

pub use code::{Refused, open, seal};
pub use config::{Config, WASM_STACK};
pub use cpu::CpuClock;
pub use decision::{Decision, Effect, Interruption};
pub use engine::{CompileError, Engine, EngineError, Fingerprint};
pub use instance::Instance;
pub use limits::{Allowance, Setting};
pub use program::{Launch, LaunchError, LinkError, Program};
pub use shared::{RunContext, Urls};
