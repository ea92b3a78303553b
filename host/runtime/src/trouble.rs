//! Trouble that stops a run although there is work for it. None of it fails the run.

use std::any::Any;

use dormouse_engine::{Interruption, LaunchError};
use dormouse_journal::{Failure, Mismatch};
use dormouse_store::{Broke, ReadError, WriteError};

use crate::Unavailable;
use crate::programs::NoProgram;

/// Why the owner of a run stops although there is work.
pub(crate) enum Trouble {
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
    /// There was no room for the instance, although there was a permit: some guests take more of the pool than others.
    NoInstanceSlot,
}

impl Trouble {
    /// Returns the trouble of a host that panicked while it executed a run.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        Trouble::Retry(format!("the host panicked: {}", panic_text(panic)))
    }
}

/// Returns the message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Storage(error) => Trouble::Retry(error.to_string()),
            // Reading the same row again will not help.
            error @ (ReadError::Row { .. } | ReadError::Key { .. } | ReadError::Missing { .. }) => {
                Trouble::Block(damaged(&error))
            }
        }
    }
}

impl From<WriteError> for Trouble {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Row(error) => Trouble::Block(damaged(&error)),
            error => Trouble::Retry(error.to_string()),
        }
    }
}

impl From<NoProgram> for Trouble {
    fn from(error: NoProgram) -> Self {
        let code = match &error {
            NoProgram::Missing(_) => "component-missing",
            NoProgram::Unusable { .. } => "component-unusable",
            NoProgram::NoCompiler(_)
            | NoProgram::Unavailable(
                Unavailable::Read(_) | Unavailable::Write(_) | Unavailable::Stopping,
            ) => {
                return Trouble::Retry(error.to_string());
            }
        };
        Trouble::Block(Failure {
            code: code.into(),
            message: error.to_string(),
        })
    }
}

impl From<LaunchError> for Trouble {
    fn from(error: LaunchError) -> Self {
        let code = match &error {
            LaunchError::Stack { .. } => "other-stack",
        };
        Trouble::Block(Failure {
            code: code.into(),
            message: error.to_string(),
        })
    }
}

impl From<Interruption> for Trouble {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Mismatch(mismatch) => Trouble::Mismatch(mismatch),
            Interruption::PoolFull => Trouble::NoInstanceSlot,
            Interruption::NoMemory => Trouble::OutOfMemory,
            other => Trouble::Retry(other.to_string()),
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
