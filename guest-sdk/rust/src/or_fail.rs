//! A code for errors that have no code.

use std::error::Error as StdError;

use crate::error::{Error, Result, with_causes};

/// Gives the error of a `Result` a code.
///
/// The error can be of any library, and also a `String` or an `anyhow::Error`.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// fn amount(text: &str) -> Result<u32> {
///     let amount = text.parse().or_fail("bad-amount")?;
///     if amount == 0 {
///         Err("the amount is zero").or_fail("no-amount")?;
///     }
///     Ok(amount)
/// }
///
/// assert_eq!(amount("x").unwrap_err().code(), "bad-amount");
/// assert_eq!(amount("0").unwrap_err().code(), "no-amount");
/// ```
pub trait OrFail<T> {
    /// Turns the error into an [`Error`] with this code. The message is that of the error, followed
    /// by those of its causes.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// let error = "x".parse::<u32>().or_fail("bad-amount").unwrap_err();
    /// assert_eq!(error.message(), "invalid digit found in string");
    /// ```
    fn or_fail(self, code: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Box<dyn StdError>>> OrFail<T> for Result<T, E> {
    fn or_fail(self, code: impl Into<String>) -> Result<T> {
        self.map_err(|error| Error::new(code, with_causes(error.into().as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_gets_the_code() {
        let expected = |message: &str| Err(Error::new("a-code", message));
        let text: Result<(), _> = Err("as text");
        assert_eq!(text.or_fail("a-code"), expected("as text"));
        let own: Result<(), _> = Err(Error::new("another", "with a code"));
        assert_eq!(own.or_fail("a-code"), expected("with a code"));
        let boxed: Result<(), Box<dyn StdError>> = Err("in a box".into());
        assert_eq!(boxed.or_fail("a-code"), expected("in a box"));
        assert_eq!(Ok::<_, Error>(1).or_fail("a-code"), Ok(1));
    }
}
