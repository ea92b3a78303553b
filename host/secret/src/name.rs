//! Names of secrets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The largest number of characters of a name.
const LONGEST: usize = 64;

/// The name of a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

/// The error for a text that is not a name of a secret. It does not contain the text: if someone confuses the name
/// with the value, the value must not be in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret's name has 1 to {LONGEST} characters out of a-z, A-Z, 0-9, ., _ and -")]
pub struct InvalidName;

impl SecretName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SecretName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=LONGEST).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(SecretName(text))
        } else {
            Err(InvalidName)
        }
    }
}

impl FromStr for SecretName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.to_owned().try_into()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_few_kinds_of_characters() {
        let longest = "a".repeat(LONGEST);
        for name in ["a", "stripe", "GitHub.prod_2-old", "-", longest.as_str()] {
            assert_eq!(name.parse::<SecretName>().unwrap().as_str(), name);
        }
        let too_long = "a".repeat(LONGEST + 1);
        for text in ["", "a b", "a/b", "\u{fc}", "a\n", too_long.as_str()] {
            let error = text.parse::<SecretName>().unwrap_err();
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
    }
}
