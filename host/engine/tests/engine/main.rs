//! Real guests on the engine. They are compiled from Rust if a workflow could behave like them, and written in Wasm
//! text otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod calls;
mod cancel;
mod code;
mod context;
mod core_guest;
mod cpu;
mod determinism;
mod ends;
mod features;
mod generations;
mod harness;
mod held;
mod labels;
mod limits;
mod log;
mod property;
mod replay;
mod shared;
mod steps;
mod threads;
mod wasi;
mod webhooks;
