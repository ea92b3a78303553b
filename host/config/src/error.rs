//! What is wrong with the settings: which, what it was, where it came from, and what would be right.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::private::OpenToOthers;

/// Where a setting's value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    CommandLine,
    /// The environment variable of this name.
    Environment(String),
    /// This file.
    File(PathBuf),
    /// Nobody gave it.
    Default,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that the setting does not take.
    #[error("{name} = {value:?}, from {origin}, is not valid: {reason}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// Where that came from.
        origin: Source,
        /// What it takes.
        reason: String,
    },
    /// A file of settings that cannot be read.
    #[error("the file of settings {path:?} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder of descriptions, or a file of it, that cannot be read.
    #[error("the setting `providers-dir`: {path:?} cannot be read: {source}")]
    ProvidersUnreadable {
        /// The folder or the file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A description of a provider that is wrong.
    #[error("the setting `providers-dir`: {0}")]
    Provider(String),
    /// A file of settings that is not TOML.
    #[error("the file of settings {path:?} is not TOML: {reason}")]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file of settings with a name that is no setting.
    #[error(
        "the file of settings {path:?} has {name:?}, which is not a setting; `dormouse serve --help` lists them"
    )]
    UnknownSetting {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A file of settings with a value that no setting can have.
    #[error(
        "the file of settings {path:?} gives {name:?} {what}: write text, a number, true or false, or a list"
    )]
    NotAValue {
        /// The file.
        path: PathBuf,
        /// The setting.
        name: &'static str,
        /// What the value is.
        what: &'static str,
    },
    /// An API token that cannot be one.
    #[error("the API token from {origin} {reason}")]
    Token {
        /// Where it came from.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// Keys for secrets that cannot be ones.
    #[error("what should hold the keys of secrets, {origin}, {reason}")]
    SecretKeys {
        /// Where they came from.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// A file with the token or with keys that other users may read or write.
    #[error("{0}")]
    Permissions(OpenToOthers),
    /// An open API that others could reach.
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
