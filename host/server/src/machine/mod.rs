//! The real machine: the implementations of the runtime's clock, randomness, tasks, compiler and
//! network.

mod clock;
pub mod compiler;
mod dumps;
mod egress;
mod entropy;
mod files;
mod memory;
mod read_ahead;
mod scratch;
pub(crate) mod script;
mod tasks;
mod threads;

pub use clock::MachineClock;
pub use compiler::ChildCompiler;
pub use dumps::forbid_dumps;
pub use egress::HttpEgress;
pub use entropy::SystemEntropy;
pub use files::raise_open_files;
pub use memory::available_memory;
pub use read_ahead::read_ahead;
pub use scratch::Scratch;
pub use tasks::{TokioTasks, runtime};
