//! What the host is confined to, where this machine allows it: a small disk and a little memory.

mod disk;
mod memory;

pub(crate) use disk::Disk;
pub(crate) use memory::MemoryGroup;
