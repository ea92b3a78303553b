//! The errors that stop the execution of a run although there is work for it. None of them fails the run.

use std::any::Any;

use dormouse_engine::{Interruption, LaunchError};
use dormouse_journal::{Failure, Mismatch};
use dormouse_store::{Broke, ReadError, WriteError};

use crate::Unavailable;
use crate::programs::NoProgram;

/// Why the owner of a run stops executing it although there is work.
pub(crate) enum ExecutionError {
    /// The run cannot go on until somebody does something.
    Block(Failure),
    /// The run's own code broke. The run waits for a repair.
    Broke(Failure, Box<Broke>),
    /// The run's code does not repeat its journal.
    Mismatch(Box<Mismatch>),
    /// The run can go on by itself later.
    Retry(String),
    /// The host had no memory for the guest.
    OutOfMemory,
    /// The engine's pool had no space for the instance, although the run had a permit: some guests take more of the pool than
    /// others.
    NoInstanceSlot,
}

impl ExecutionError {
    /// Returns the error of a host that panicked while it executed a run.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        ExecutionError::Retry(format!("the host panicked: {}", panic_text(panic)))
    }
}

/// Returns the message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

impl From<ReadError> for ExecutionError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Storage(error) => ExecutionError::Retry(error.to_string()),
            // Reading the same row again will not help.
            error @ (ReadError::Row { .. } | ReadError::Key { .. } | ReadError::Missing { .. }) => {
                ExecutionError::Block(damaged(&error))
            }
        }
    }
}

impl From<WriteError> for ExecutionError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Row(error) => ExecutionError::Block(damaged(&error)),
            error => ExecutionError::Retry(error.to_string()),
        }
    }
}

impl From<NoProgram> for ExecutionError {
    fn from(error: NoProgram) -> Self {
        let code = match &error {
            NoProgram::Missing(_) => "component-missing",
            NoProgram::Unusable { .. } => "component-unusable",
            NoProgram::NoCompiler(_)
            | NoProgram::Unavailable(
                Unavailable::Read(_) | Unavailable::Write(_) | Unavailable::Stopping,
            ) => {
                return ExecutionError::Retry(error.to_string());
            }
        };
        ExecutionError::Block(Failure {
            code: code.into(),
            message: error.to_string(),
        })
    }
}

impl From<LaunchError> for ExecutionError {
    fn from(error: LaunchError) -> Self {
        let code = match &error {
            LaunchError::Stack { .. } => "other-stack",
        };
        ExecutionError::Block(Failure {
            code: code.into(),
            message: error.to_string(),
        })
    }
}

impl From<Interruption> for ExecutionError {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Mismatch(mismatch) => ExecutionError::Mismatch(mismatch),
            Interruption::PoolFull => ExecutionError::NoInstanceSlot,
            Interruption::NoMemory => ExecutionError::OutOfMemory,
            other => ExecutionError::Retry(other.to_string()),
        }
    }
}

/// Returns the failure of a run that is blocked because its code does not repeat its journal.
pub(crate) fn mismatch_failure(mismatch: &Mismatch) -> Failure {
    Failure {
        code: "replay-mismatch".into(),
        message: mismatch.to_string(),
    }
}

fn damaged(error: &dormouse_store::ReadError) -> Failure {
    Failure {
        code: "damaged-record".into(),
        message: error.to_string(),
    }
}
