//! What goes wrong with a command, and the exit code that says so.

use std::io;

use dormouse_api::ProblemBody;
use dormouse_config::ConfigError;

use crate::serve::ServeError;

/// The host refused, or the run did not complete.
pub(super) const REFUSED: u8 = 1;

/// The command line, or something that it names, is not as it must be. clap uses the same.
pub(super) const USAGE: u8 = 2;

/// The host cannot be reached.
pub(super) const UNREACHABLE: u8 = 3;

/// Why a command did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("{} ({})", .0.detail, .0.code)]
    Refused(ProblemBody),
    #[error(
        "{server} wants its API token: give it with --api-token-file FILE or in DORMOUSE_API_TOKEN \
         (unauthorized)"
    )]
    Unauthorized { server: String },
    #[error(
        "{server} cannot be reached: {reason}; is `dormouse serve` running there? --server names another host"
    )]
    Unreachable { server: String, reason: String },
    #[error("{origin} cannot be reached: {reason}")]
    NoAnswer { origin: String, reason: String },
    #[error("{server} does not answer as a Dormouse host does: {reason}")]
    Strange { server: String, reason: String },
    #[error("the backup broke off after {received} of {length}: {reason}; nothing was kept")]
    BrokenOff {
        received: String,
        length: String,
        reason: String,
    },
    #[error("what the host sent is not a backup that this version can read: {0}; nothing was kept")]
    NoBackup(String),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            CliError::Refused(_)
            | CliError::Unauthorized { .. }
            | CliError::Strange { .. }
            | CliError::BrokenOff { .. }
            | CliError::NoBackup(_)
            | CliError::Serve(_) => REFUSED,
            CliError::Usage(_) | CliError::Config(_) => USAGE,
            CliError::Unreachable { .. } | CliError::NoAnswer { .. } => UNREACHABLE,
            CliError::Output(_) if self.is_closed_output() => 0,
            CliError::Output(_) => REFUSED,
        }
    }

    /// Whether somebody, such as `head`, has read enough.
    pub(super) fn is_closed_output(&self) -> bool {
        matches!(self, CliError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the same may work a little later: the host is restarting, or its disk is full.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            CliError::Unreachable { .. } => true,
            CliError::Refused(problem) => problem.status == 503,
            _ => false,
        }
    }
}
