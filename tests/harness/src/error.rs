//! The errors of a host's process.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a host does not answer.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file for the host's log cannot be opened.
    #[error("cannot open the host's log {path:?}: {source}")]
    Log {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The program cannot be run.
    #[error("cannot start {program:?}: {source}")]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The process ended before it answered.
    #[error("the host ended with {0}")]
    Ended(ExitStatus),
    /// The process neither answered nor ended.
    #[error("the host did not answer for {} s", .0.as_secs())]
    NoAnswer(Duration),
    /// The host was not started, or was killed.
    #[error("the host is not running")]
    NotRunning,
    /// The system does not say whether the process has ended.
    #[error("cannot watch the host's process: {0}")]
    Watch(#[source] io::Error),
}

/// Why a host could not be ended.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The host was not started, or was killed before.
    #[error("the host is not running")]
    NotRunning,
    /// The process did not end after it was asked to. It was killed.
    #[error("the host was asked to end, and had not ended after {} s", .0.as_secs())]
    Stuck(Duration),
    /// The system does not let the process be signalled or waited for.
    #[error("cannot end the host's process: {0}")]
    Process(#[from] io::Error),
}
