//! The token that guards the API.

use std::fmt;
use std::path::Path;

use subtle::ConstantTimeEq;

use super::ConfigError;
use super::private::{FileError, PrivateFiles};

/// The environment variable with the token itself. A flag would show it to every user of the machine.
pub(super) const VARIABLE: &str = "DORMOUSE_API_TOKEN";

/// The token that callers of the API present.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken(String);

impl ApiToken {
    /// Reads a token from a file, without the line break at its end.
    ///
    /// # Errors
    /// When the file cannot be read, or does not contain a token.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let origin = format!("the file {}", path.display());
        match std::fs::read_to_string(path) {
            Ok(text) => Self::new(&text, origin),
            Err(error) => Err(ConfigError::Token {
                origin,
                reason: format!("could not be read: {error}"),
            }),
        }
    }

    /// Reads a token from a file that only the host's user can read, without the line break at its end.
    pub(super) fn from_private_file(
        files: &PrivateFiles,
        path: &Path,
    ) -> Result<Self, ConfigError> {
        let origin = format!("the file {}", path.display());
        match files.read("the file with the API token", path) {
            Ok(text) => Self::new(&text, origin),
            Err(FileError::Open(open)) => Err(ConfigError::Permissions(open)),
            Err(FileError::Io(error)) => Err(ConfigError::Token {
                origin,
                reason: format!("could not be read: {error}"),
            }),
        }
    }

    /// Reads a token from the environment, if it has one.
    ///
    /// # Errors
    /// When the value is not a token.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ConfigError> {
        let origin = || format!("the environment variable {VARIABLE}");
        variable(VARIABLE)
            .map(|text| Self::new(&text, origin()))
            .transpose()
    }

    /// Returns true if this is the token. The time that the comparison takes does not show how much of the
    /// token is right.
    #[must_use]
    pub fn is(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }

    /// Returns the header value with which a client presents the token.
    #[must_use]
    pub fn as_bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    fn new(text: &str, origin: String) -> Result<Self, ConfigError> {
        let token = text.trim();
        if token.is_empty() {
            return Err(ConfigError::Token {
                origin,
                reason: "is empty".into(),
            });
        }
        // Other characters cannot be in a header.
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let reason = "has characters other than visible ASCII ones; make one with `openssl rand -hex 32`";
            return Err(ConfigError::Token {
                origin,
                reason: reason.into(),
            });
        }
        Ok(ApiToken(token.to_owned()))
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> ApiToken {
        ApiToken::new(text, "a test".into()).unwrap()
    }

    #[test]
    fn a_token_is_known_by_all_of_its_bytes() {
        let token = token("secret\n");
        assert!(token.is(b"secret"));
        for other in ["", "secre", "secret ", "Secret", "secrets"] {
            assert!(!token.is(other.as_bytes()), "{other:?}");
        }
    }

    #[test]
    fn an_invalid_token_is_refused() {
        for text in ["", " \n", "two words", "caf\u{e9}"] {
            let error = ApiToken::new(text, "the file t".into())
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("the API token from the file t "),
                "{error}"
            );
        }
    }

    #[test]
    fn it_is_not_shown() {
        assert_eq!(format!("{:?}", token("secret")), "ApiToken(..)");
    }
}
