//! The bounds of the host, as far as this machine allows them: a small disk and little memory.

mod disk;
mod memory;

pub(crate) use disk::Disk;
pub(crate) use memory::MemoryGroup;
