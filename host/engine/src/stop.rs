//! The reasons for which the host stops a guest.

use dormouse_journal::{Mismatch, NextGeneration};

/// The reason why the host stops a guest. A host function raises it as its error, and the guest's call of `run` then
/// ends with it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The guest does not repeat its journal.
    #[error(transparent)]
    Mismatch(#[from] Box<Mismatch>),
    /// The guest called an import in a way that the contract does not allow.
    #[error("{0}")]
    Misuse(String),
    /// The guest exceeded a limit.
    #[error("{0}")]
    Limit(String),
    /// The guest needs more memory than its run may have.
    #[error("{0}")]
    Memory(String),
    /// The guest used up the processor time of its activation.
    #[error("{0}")]
    Cpu(String),
    /// The guest called WASI's `exit`.
    #[error("the workflow called `exit` with code {code}")]
    Exit {
        /// The exit code. 0 means success.
        code: u8,
    },
    /// The guest finished a step, after which its instance must be rebuilt.
    #[error("the instance is to be rebuilt")]
    Rebuild,
    /// The guest ended this generation of its run.
    #[error("the run goes on in its next generation")]
    Continue(Box<NextGeneration>),
    /// The host has no memory left for what the guest needs. The guest is executed again later.
    #[error("the host has no memory left for a guest")]
    NoMemory,
    /// The host itself has trouble, which is not the guest's fault.
    #[error("{0}")]
    Host(String),
}
