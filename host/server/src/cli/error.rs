//! The errors of this program's commands, and their exit codes.

use dormouse_cli::{CliError, exit};
use dormouse_config::ConfigError;

use crate::serve::ServeError;

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(transparent)]
    Client(#[from] CliError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl CommandError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            CommandError::Client(error) => error.exit_code(),
            CommandError::Config(_) => exit::USAGE,
            CommandError::Serve(_) => exit::REFUSED,
        }
    }

    /// Returns the error as JSON, in the form of the API's problems.
    pub(super) fn to_json(&self) -> String {
        match self {
            CommandError::Client(error) => error.to_json(),
            // The commands with these errors print no JSON.
            CommandError::Config(_) | CommandError::Serve(_) => {
                CliError::Usage(self.to_string()).to_json()
            }
        }
    }

    /// Returns true if the reader of the output closed it because it has read enough.
    pub(super) fn is_closed_output(&self) -> bool {
        matches!(self, CommandError::Client(error) if error.is_closed_output())
    }
}
