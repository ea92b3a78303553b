//! The real machine behind the runtime's seams: its clock, randomness, disk, tasks, compiler and network.

mod clock;
pub mod compiler;
mod disk;
mod egress;
mod entropy;
mod files;
mod scratch;
mod tasks;

pub use clock::MachineClock;
pub use compiler::ChildCompiler;
pub use disk::{FileDisk, store_size};
pub use egress::HttpEgress;
pub use entropy::SystemEntropy;
pub use files::raise_open_files;
pub use scratch::Scratch;
pub use tasks::{TokioTasks, runtime};
