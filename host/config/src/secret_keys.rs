//! The keys under which secrets are sealed.

use std::path::Path;

use dormouse_secret::SecretKeys;
use zeroize::Zeroizing;

use super::ConfigError;
use super::private::{FileError, PrivateFiles};

/// The environment variable with the keys themselves. A flag would show them to every user of the machine.
const VARIABLE: &str = "DORMOUSE_SECRET_KEY";

/// Reads the keys from a file that only the host's user can read.
pub(super) fn from_file(files: &PrivateFiles, path: &Path) -> Result<SecretKeys, ConfigError> {
    let origin = || format!("the file {}", path.display());
    match files.read("the file with the keys of secrets", path) {
        Ok(text) => parse(text, origin()),
        Err(FileError::Open(open)) => Err(ConfigError::Permissions(open)),
        Err(FileError::Io(error)) => Err(ConfigError::SecretKeys {
            origin: origin(),
            reason: format!("could not be read: {error}"),
        }),
    }
}

/// Reads the keys from the environment, if it has any.
pub(super) fn from_environment(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<SecretKeys>, ConfigError> {
    let origin = || format!("the environment variable {VARIABLE}");
    variable(VARIABLE)
        .map(|text| parse(text, origin()))
        .transpose()
}

fn parse(text: String, origin: String) -> Result<SecretKeys, ConfigError> {
    SecretKeys::parse(&Zeroizing::new(text)).map_err(|error| ConfigError::SecretKeys {
        origin,
        reason: error.to_string(),
    })
}
