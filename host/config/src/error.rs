//! Errors in settings: the setting, its value, where the value came from, and what would be right.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::private::UnsafePermissions;

/// The source of a setting's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    CommandLine,
    /// The environment variable of this name.
    Environment(String),
    /// This file.
    File(PathBuf),
    /// The value is the default.
    Default,
}

/// An error in the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The value of a setting is not valid.
    #[error("{name} = {value:?}, from {origin}, is not valid: {reason}")]
    Invalid {
        /// The name of the setting.
        name: &'static str,
        /// The value.
        value: String,
        /// The source of the value.
        origin: Source,
        /// The values that the setting accepts.
        reason: String,
    },
    /// A file of settings cannot be read.
    #[error("the file of settings {path:?} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A folder of descriptions, or a file in it, cannot be read.
    #[error("the setting `providers-dir`: {path:?} cannot be read: {source}")]
    ProvidersUnreadable {
        /// The folder or the file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A provider's description is wrong.
    #[error("the setting `providers-dir`: {0}")]
    Provider(String),
    /// A file of settings is not TOML.
    #[error("the file of settings {path:?} is not TOML: {reason}")]
    NotToml {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A file of settings has a name that is not a setting.
    #[error(
        "the file of settings {path:?} has {name:?}, which is not a setting; `dormouse serve --help` lists them"
    )]
    UnknownSetting {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A file of settings has a value that no setting can have.
    #[error(
        "the file of settings {path:?} gives {name:?} {what}: write text, a number, true or false, or a list"
    )]
    InvalidValue {
        /// The file.
        path: PathBuf,
        /// The setting.
        name: &'static str,
        /// The kind of the value.
        what: &'static str,
    },
    /// The API token is not valid.
    #[error("the API token from {origin} {reason}")]
    Token {
        /// The source of the token.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The keys for secrets are not valid.
    #[error("{origin}, which is to have the keys of secrets, {reason}")]
    SecretKeys {
        /// The source of the keys.
        origin: String,
        /// What is wrong with them.
        reason: String,
    },
    /// Other users can read or write a file with the token or with keys.
    #[error("{0}")]
    Permissions(UnsafePermissions),
    /// Others could reach an API without a token.
    #[error(
        "the API at {listen} could be used by everybody who reaches that address: give the host a token with \
         --api-token-file FILE or in DORMOUSE_API_TOKEN, or listen on a loopback address such as 127.0.0.1:4100"
    )]
    Unguarded {
        /// Where the host was to listen.
        listen: std::net::SocketAddr,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::CommandLine => write!(f, "the command line"),
            Source::Environment(variable) => write!(f, "the environment variable {variable}"),
            Source::File(path) => write!(f, "the file {}", path.display()),
            Source::Default => write!(f, "the default"),
        }
    }
}
