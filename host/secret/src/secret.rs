//! The value of a secret.

use std::fmt;

use zeroize::Zeroizing;

/// The smallest number of bytes of a value. A shorter value could be guessed from the signatures that it makes.
/// It could also occur in a response by chance, and so mask harmless parts of it.
pub const SHORTEST: usize = 8;

/// The largest number of bytes of a value, which must fit into a header.
pub const LONGEST: usize = 4_096;

/// A value that is never shown. Its memory is overwritten when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// Why a value cannot be a secret. The error does not contain the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// The value is too short or too long.
    #[error("a secret has {SHORTEST} to {LONGEST} bytes, and this one has {0}")]
    Length(usize),
    /// The value is not UTF-8.
    #[error("a secret is text in UTF-8, and this one is not; encode it, as with base64")]
    NotText,
    /// The value has a control character, such as a line break.
    #[error(
        "a secret must not have control characters such as a line break, and this one has some"
    )]
    Control,
}

impl Secret {
    /// Returns a secret with this value, and takes over its memory.
    ///
    /// # Errors
    /// If the value is too short or too long, or is not plain text.
    pub fn new(value: Vec<u8>) -> Result<Self, InvalidSecret> {
        let value = Zeroizing::new(value);
        if !(SHORTEST..=LONGEST).contains(&value.len()) {
            return Err(InvalidSecret::Length(value.len()));
        }
        let text = std::str::from_utf8(&value).map_err(|_| InvalidSecret::NotText)?;
        if text.chars().any(char::is_control) {
            return Err(InvalidSecret::Control);
        }
        Ok(Secret(Zeroizing::new(text.to_owned())))
    }

    /// Returns the value, for code that signs, sends or seals it.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Returns the value as text.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.0
    }

    /// Returns true if the value can be the value of a header.
    #[must_use]
    pub fn is_sendable(&self) -> bool {
        self.0.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<InvalidSecret>) {
        let secret = Secret::new(value.into());
        assert_eq!(secret.as_ref().err(), expected.as_ref(), "{value:?}");
        if let Ok(secret) = secret {
            assert_eq!(secret.expose(), value.as_bytes());
        }
    }

    #[test]
    fn a_value_is_plain_text_of_some_length() {
        check("12345678", None);
        check("pass word \u{fc}\u{1f40c}", None);
        check(&"x".repeat(LONGEST), None);
        check("1234567", Some(InvalidSecret::Length(7)));
        check("", Some(InvalidSecret::Length(0)));
        check(
            &"x".repeat(LONGEST + 1),
            Some(InvalidSecret::Length(LONGEST + 1)),
        );
        check("two\nlines", Some(InvalidSecret::Control));
        check("null\0inside", Some(InvalidSecret::Control));
        check("c1 \u{85} control", Some(InvalidSecret::Control));
        let not_text = Secret::new(b"\xff\xfe\xfd\xfc 1234".to_vec());
        assert_eq!(not_text.unwrap_err(), InvalidSecret::NotText);
    }

    #[test]
    fn only_visible_ascii_can_be_sent() {
        let sendable = |value: &str| Secret::new(value.into()).unwrap().is_sendable();
        assert!(sendable("a-made-up_value+7f3c91d0=="));
        assert!(!sendable("pass word"));
        assert!(!sendable("pass\u{fc}word"));
    }

    #[test]
    fn it_is_not_shown() {
        let secret = Secret::new(b"the value".to_vec()).unwrap();
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(..) Secret(..)");
    }
}
