//! The errors of a command, and their exit codes.

use std::io;

use dormouse_api::ProblemBody;
use dormouse_config::ConfigError;

use crate::exit::{REFUSED, UNREACHABLE, USAGE};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The host refused the request.
    #[error("{} ({})", .0.detail, .0.code)]
    Refused(ProblemBody),
    /// The host refused the API token, or wants one.
    #[error(
        "{server} requires its API token: give it with --api-token-file FILE or in DORMOUSE_API_TOKEN \
         (unauthorized)"
    )]
    Unauthorized {
        /// The host's URL.
        server: String,
    },
    /// The host cannot be reached.
    #[error(
        "{server} cannot be reached: {reason}; is `dormouse serve` running there? --server names another host"
    )]
    Unreachable {
        /// The host's URL.
        server: String,
        /// What failed.
        reason: String,
    },
    /// The server of a webhook cannot be reached.
    #[error("{origin} cannot be reached: {reason}")]
    NoAnswer {
        /// The scheme, host and port of the webhook's URL.
        origin: String,
        /// What failed.
        reason: String,
    },
    /// The server's answer is not one of a Dormouse host.
    #[error("{server} does not answer as a Dormouse host does: {reason}")]
    UnexpectedAnswer {
        /// The server's URL.
        server: String,
        /// What is wrong with its answer.
        reason: String,
    },
    /// The connection ended before all of a backup was received.
    #[error("the backup broke off after {received} of {length}: {reason}; nothing was kept")]
    BrokenOff {
        /// The size of what was received.
        received: String,
        /// The size of the whole backup.
        length: String,
        /// What failed.
        reason: String,
    },
    /// The file that was received is not a backup, or not one of a version that can be read.
    #[error("the host's answer is not a backup that this version can read: {0}; nothing was kept")]
    NoBackup(String),
    /// The command line, or a file or variable that it names, is wrong.
    #[error("{0}")]
    Usage(String),
    /// The API token cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system has no random bytes to identify a signed request with.
    #[error("the request cannot be signed: the system has no random bytes for its id: {0}")]
    NoRandomness(getrandom::Error),
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    /// Returns the exit code of a program that ends with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            CliError::Refused(_)
            | CliError::Unauthorized { .. }
            | CliError::UnexpectedAnswer { .. }
            | CliError::BrokenOff { .. }
            | CliError::NoBackup(_)
            | CliError::NoRandomness(_) => REFUSED,
            CliError::Usage(_) | CliError::Config(_) => USAGE,
            CliError::Unreachable { .. } | CliError::NoAnswer { .. } => UNREACHABLE,
            CliError::Output(_) if self.is_closed_output() => 0,
            CliError::Output(_) => REFUSED,
        }
    }

    /// Returns the error as JSON, in the form of the API's problems. A refusal by the host is the host's own problem,
    /// and every other error has only `code` and `detail`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = match self {
            CliError::Refused(problem) => serde_json::to_value(problem).ok(),
            _ => None,
        };
        let json = json.unwrap_or_else(
            || serde_json::json!({"code": self.code(), "detail": self.to_string()}),
        );
        json.to_string()
    }

    /// Returns the code of this kind of error. It never changes.
    fn code(&self) -> &str {
        match self {
            CliError::Refused(problem) => &problem.code,
            CliError::Unauthorized { .. } => "unauthorized",
            CliError::Unreachable { .. } | CliError::NoAnswer { .. } => "unreachable",
            CliError::UnexpectedAnswer { .. } => "not-a-host",
            CliError::BrokenOff { .. } => "broken-off",
            CliError::NoBackup(_) => "not-a-backup",
            CliError::Usage(_) | CliError::Config(_) => "usage",
            CliError::NoRandomness(_) => "no-randomness",
            CliError::Output(_) => "output",
        }
    }

    /// Returns true if the reader of the output, such as `head`, has closed it.
    #[must_use]
    pub fn is_closed_output(&self) -> bool {
        matches!(self, CliError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Returns true if the request failed for a reason that would make other requests fail too.
    pub(crate) fn is_about_the_host(&self) -> bool {
        !matches!(self, CliError::Refused(problem) if problem.status != 503)
            && !matches!(self, CliError::Usage(_))
    }

    /// Returns true if the same request may succeed a little later: the host is restarting, or its disk is full.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            CliError::Unreachable { .. } => true,
            CliError::Refused(problem) => problem.status == 503,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_json_for_programs() {
        let problem = ProblemBody {
            kind: "about:blank".into(),
            title: "Not Found".into(),
            status: 404,
            detail: "there is no such run".into(),
            code: "unknown-run".into(),
            difference: None,
        };
        let json = |error: &CliError| -> serde_json::Value {
            serde_json::from_str(&error.to_json()).unwrap()
        };
        let refused = json(&CliError::Refused(problem));
        assert_eq!(
            (&refused["code"], &refused["status"]),
            (&"unknown-run".into(), &404.into())
        );
        let usage = json(&CliError::Usage("give \"a\"".into()));
        assert_eq!(
            usage,
            serde_json::json!({"code": "usage", "detail": "give \"a\""})
        );
    }
}
