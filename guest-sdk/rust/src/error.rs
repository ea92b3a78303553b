//! The error of workflows, steps and readers of bodies.

use std::error::Error as StdError;
use std::fmt;

use crate::bindings::Failure;
use crate::call_error::CallError;
use crate::workflow_error::{UNKNOWN_CODE, WorkflowError};

/// The result of the fallible functions of this crate, and of a workflow.
///
/// ```
/// use dormouse_sdk::Result;
///
/// fn parse(text: &str) -> Result<u32> {
///     Ok(text.parse()?)
/// }
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with a code for programs and a message for people. If a workflow returns it, it becomes
/// the failure of the run.
///
/// `?` turns the following errors into an `Error`:
///
/// - An error of your own that implements [`WorkflowError`]. Its code is kept.
/// - A [`CallError`](crate::CallError). Its code is kept.
/// - An error of the standard library or of `serde_json`. Its code is `error` or `invalid-json`.
/// - A `Box<dyn std::error::Error>`. Its code is that of the error in the box if that is one of
///   this crate's errors, and `error` otherwise.
///
/// [`or_fail`](crate::OrFail::or_fail) gives any other error a code. Errors of this crate have
/// codes of their own, which the functions that return them document.
///
/// ```
/// use dormouse_sdk::{Error, Result};
///
/// fn check(amount: i64) -> Result<()> {
///     if amount < 0 {
///         return Err(Error::new("negative-amount", format!("{amount} is less than nothing")));
///     }
///     Ok(())
/// }
///
/// assert_eq!(check(-3).unwrap_err().code(), "negative-amount");
/// ```
///
/// An `Error` is a standard error. So a workflow may also return `Box<dyn std::error::Error>`, into
/// which `?` turns every error, or an enum that holds an `Error`.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    code: String,
    message: String,
    status: Option<u16>,
}

impl Error {
    /// Returns an error with a code, in lower case with hyphens, and a message.
    ///
    /// ```
    /// # use dormouse_sdk::Error;
    /// let error = Error::new("card-declined", "the bank refused the card");
    /// assert_eq!(error.to_string(), "the bank refused the card");
    /// ```
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status: None,
        }
    }

    /// Returns the code, by which programs tell errors apart.
    ///
    /// ```
    /// # use dormouse_sdk::Error;
    /// let error = Error::from("x".parse::<u32>().unwrap_err());
    /// assert_eq!(error.code(), "error");
    /// ```
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the message for people.
    ///
    /// ```
    /// # use dormouse_sdk::Error;
    /// let error = Error::from("x".parse::<u32>().unwrap_err());
    /// assert_eq!(error.message(), "invalid digit found in string");
    /// ```
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the status of the response from which
    /// [`error_for_status`](crate::Response::error_for_status) made this error, or `None` for any
    /// other error.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let error = Response::new(404).error_for_status().unwrap_err();
    /// assert_eq!(error.status(), Some(404));
    /// ```
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }

    /// Returns the same error with another code.
    ///
    /// ```
    /// # use dormouse_sdk::{Error, Result};
    /// fn amount(text: &str) -> Result<u32> {
    ///     text.parse().map_err(|error| Error::from(error).with_code("bad-amount"))
    /// }
    /// # assert_eq!(amount("x").unwrap_err().code(), "bad-amount");
    /// ```
    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            ..self
        }
    }

    pub(crate) fn from_failure(Failure { code, message }: Failure) -> Self {
        Self::new(code, message)
    }

    pub(crate) fn into_failure(self) -> Failure {
        Failure {
            code: self.code,
            message: self.message,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

impl StdError for Error {}

/// The conversion that keeps codes. It covers [`WorkflowError`] and not every standard error: a
/// conversion of all standard errors would give all of them the same code, and `Error` could then
/// not be a standard error itself.
impl<E: WorkflowError> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(error.code(), with_causes(&error))
    }
}

impl From<Box<dyn StdError>> for Error {
    fn from(error: Box<dyn StdError>) -> Self {
        if let Some(own) = error.downcast_ref::<Error>() {
            return own.clone();
        }
        let code = code_of(error.as_ref());
        Self::new(code, with_causes(error.as_ref()))
    }
}

impl From<Box<dyn StdError + Send + Sync>> for Error {
    fn from(error: Box<dyn StdError + Send + Sync>) -> Self {
        let error: Box<dyn StdError> = error;
        Self::from(error)
    }
}

/// Returns the code of an error whose type is not known at compile time.
fn code_of<'a>(error: &'a (dyn StdError + 'static)) -> &'a str {
    if let Some(error) = error.downcast_ref::<Error>() {
        return error.code();
    }
    error.downcast_ref().map_or(UNKNOWN_CODE, CallError::code)
}

/// Returns `outer: inner: innermost`. A cause is left out if the message of the error before it
/// already contains it.
pub(crate) fn with_causes(error: &dyn StdError) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.ends_with(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Layer>>);

    impl fmt::Display for Layer {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl StdError for Layer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            self.1.as_deref().map(|layer| layer as _)
        }
    }

    impl WorkflowError for Layer {
        fn code(&self) -> &str {
            "layered"
        }
    }

    fn layers() -> Layer {
        let innermost = Layer("no such host", None);
        let inner = Layer("lookup failed: no such host", Some(Box::new(innermost)));
        Layer("cannot connect", Some(Box::new(inner)))
    }

    #[test]
    fn an_error_is_the_same_out_of_a_box() {
        let mut error = Error::new("http-status", "no");
        error.status = Some(404);
        let boxed: Box<dyn StdError> = Box::new(error.clone());
        assert_eq!(Error::from(boxed), error);
    }

    #[test]
    fn an_error_of_ones_own_keeps_its_code_and_tells_every_cause_once() {
        let error = Error::from(layers());
        assert_eq!(
            error.message(),
            "cannot connect: lookup failed: no such host"
        );
        assert_eq!(error.code(), "layered");
    }

    #[test]
    fn a_call_error_keeps_its_code() {
        let error = Error::from(CallError::TimedOut);
        assert_eq!(error.code(), "timed-out");
    }

    #[test]
    fn a_box_gives_the_code_of_this_crates_errors() {
        let own = Error::new("a-code", "a message");
        assert_eq!(Error::from(Box::<dyn StdError>::from(own.clone())), own);
        let sendable = Box::<dyn StdError + Send + Sync>::from(CallError::TimedOut);
        assert_eq!(Error::from(sendable).code(), "timed-out");
        let other = Error::from(Box::<dyn StdError>::from(layers()));
        assert_eq!(other.code(), "error");
        assert_eq!(
            other.message(),
            "cannot connect: lookup failed: no such host"
        );
    }

    #[test]
    fn becomes_a_failure_and_comes_back() {
        let error = Error::new("a-code", "a message");
        assert_eq!(Error::from_failure(error.clone().into_failure()), error);
        assert_eq!(format!("{error:?}"), "a message (a-code)");
    }
}
