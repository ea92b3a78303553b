//! Errors that have a code.

use std::error::Error as StdError;

use crate::call_error::CallError;

/// The code of an error that has none.
pub(crate) const UNKNOWN_CODE: &str = "error";

/// An error of your own, with the code of the run's failure if the workflow returns it.
///
/// The message is that of `Display`, followed by the messages of its causes, unless it contains
/// them already. `?` turns such an error into an [`Error`](crate::Error) with the same code. A
/// workflow may also return it:
///
/// ```standalone_crate
/// use std::fmt;
///
/// use dormouse_sdk::prelude::*;
///
/// #[derive(Debug)]
/// enum OrderError {
///     SoldOut { item: String },
///     Host(Error),
/// }
///
/// impl WorkflowError for OrderError {
///     fn code(&self) -> &str {
///         match self {
///             Self::SoldOut { .. } => "sold-out",
///             Self::Host(error) => error.code(),
///         }
///     }
/// }
///
/// // `thiserror` derives the rest from `#[error("{item} is sold out")]`,
/// // `#[error(transparent)]` and `#[from]`.
/// impl fmt::Display for OrderError {
///     fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
///         match self {
///             Self::SoldOut { item } => write!(formatter, "{item} is sold out"),
///             Self::Host(error) => error.fmt(formatter),
///         }
///     }
/// }
///
/// impl std::error::Error for OrderError {}
///
/// impl From<Error> for OrderError {
///     fn from(error: Error) -> Self {
///         Self::Host(error)
///     }
/// }
///
/// impl From<CallError> for OrderError {
///     fn from(error: CallError) -> Self {
///         Self::Host(error.into())
///     }
/// }
///
/// #[workflow]
/// async fn order(ctx: Context, item: String) -> Result<u32, OrderError> {
///     let stock = ctx.get("https://example.com/stock").send("stock").await?;
///     match stock.json()? {
///         0 => Err(OrderError::SoldOut { item }),
///         left => Ok(left),
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the error `{Self}` has no code that a run could fail with",
    label = "this error has no code: give it one with `.or_fail(\"a-code\")?`",
    note = "or implement `dormouse_sdk::WorkflowError` for it, if it is a type of your own"
)]
pub trait WorkflowError: StdError {
    /// Returns the code by which programs tell this error from others. It is short, stable, and in
    /// lower case with hyphens, such as `card-declined`.
    ///
    /// ```
    /// # use dormouse_sdk::{CallError, WorkflowError};
    /// assert_eq!(WorkflowError::code(&CallError::TimedOut), "timed-out");
    /// ```
    fn code(&self) -> &str;
}

impl WorkflowError for CallError {
    fn code(&self) -> &str {
        self.code()
    }
}

impl WorkflowError for serde_json::Error {
    fn code(&self) -> &str {
        "invalid-json"
    }
}

/// The standard library's errors that can occur in code without threads, files and sockets.
macro_rules! without_a_code {
    ($($error:ty),+ $(,)?) => {
        $(
            impl WorkflowError for $error {
                fn code(&self) -> &str {
                    UNKNOWN_CODE
                }
            }
        )+
    };
}

without_a_code!(
    std::array::TryFromSliceError,
    std::cell::BorrowError,
    std::cell::BorrowMutError,
    std::char::CharTryFromError,
    std::char::ParseCharError,
    std::char::TryFromCharError,
    std::collections::TryReserveError,
    std::convert::Infallible,
    std::env::VarError,
    std::ffi::FromBytesUntilNulError,
    std::ffi::FromBytesWithNulError,
    std::ffi::IntoStringError,
    std::ffi::NulError,
    std::fmt::Error,
    std::io::Error,
    std::net::AddrParseError,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::ParseBoolError,
    std::str::Utf8Error,
    std::string::FromUtf16Error,
    std::string::FromUtf8Error,
    std::time::SystemTimeError,
    std::time::TryFromFloatSecsError,
);
