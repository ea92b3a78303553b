//! Why a call brought no response.

use std::fmt;

use crate::contract::http as contract;

/// Why a call brought no response.
///
/// It is a standard error, and `?` makes it an [`Error`](crate::Error) with the same code.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<bool> {
/// match ctx.post("https://example.com/charge").attempts(1).send("charge").await {
///     Ok(response) => Ok(response.status == 200),
///     Err(CallError::Interrupted) => Err(Error::new("unclear", "the card may be charged or not")),
///     Err(error) => Err(error.into()),
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The host's egress policy, or a secret's rule, does not allow this. The text says which.
    Denied(String),
    /// The request cannot be sent as it is. The text says why.
    Invalid(String),
    /// The last attempt took longer than its timeout.
    TimedOut,
    /// There was no connection, or it broke. The text says how.
    Unreachable(String),
    /// The response is larger than this many bytes.
    TooLarge(u64),
    /// The host stopped during the last allowed attempt, so the request may or may not have
    /// arrived.
    Interrupted,
    /// The workflow gave up the call.
    Abandoned,
    /// Another reason: `too-late`, `malformed-response`, or one that a later host adds.
    Other {
        /// The code, for programs.
        code: String,
        /// The message, for people.
        message: String,
    },
}

impl CallError {
    /// Returns the code, by which programs tell errors apart: `denied`, `invalid`, `timed-out`,
    /// `unreachable`, `too-large`, `interrupted`, `abandoned`, `too-late`, `malformed-response`, or
    /// one that a later host adds.
    ///
    /// ```
    /// # use dormouse_sdk::CallError;
    /// assert_eq!(CallError::TimedOut.code(), "timed-out");
    /// ```
    pub fn code(&self) -> &str {
        match self {
            Self::Denied(_) => "denied",
            Self::Invalid(_) => "invalid",
            Self::TimedOut => "timed-out",
            Self::Unreachable(_) => "unreachable",
            Self::TooLarge(_) => "too-large",
            Self::Interrupted => "interrupted",
            Self::Abandoned => "abandoned",
            Self::Other { code, .. } => code,
        }
    }

    pub(crate) fn from_contract(error: contract::CallError) -> Self {
        use contract::CallError as Contract;
        match error {
            Contract::Denied(why) => Self::Denied(why),
            Contract::Invalid(why) => Self::Invalid(why),
            Contract::TimedOut => Self::TimedOut,
            Contract::Unreachable(how) => Self::Unreachable(how),
            Contract::TooLarge(limit) => Self::TooLarge(limit),
            Contract::Interrupted => Self::Interrupted,
            Contract::Abandoned => Self::Abandoned,
            Contract::Other(failure) => Self::Other {
                code: failure.code,
                message: failure.message,
            },
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) => write!(formatter, "the call is not allowed: {why}"),
            Self::Invalid(why) => write!(formatter, "the call cannot be sent as it is: {why}"),
            Self::TimedOut => write!(formatter, "the service did not answer in time"),
            Self::Unreachable(how) => write!(formatter, "the service cannot be reached: {how}"),
            Self::TooLarge(limit) => {
                write!(formatter, "the response is larger than {limit} bytes")
            }
            Self::Interrupted => {
                write!(
                    formatter,
                    "the host stopped during the last attempt, which may have arrived"
                )
            }
            Self::Abandoned => write!(formatter, "the workflow gave the call up"),
            Self::Other { message, .. } => formatter.write_str(message),
        }
    }
}

impl std::error::Error for CallError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::Failure;

    #[test]
    fn codes_are_the_contracts_names() {
        use contract::CallError as Contract;
        let other = Failure {
            code: "too-many".into(),
            message: "try tomorrow".into(),
        };
        for (error, code) in [
            (Contract::Denied(String::new()), "denied"),
            (Contract::Invalid(String::new()), "invalid"),
            (Contract::TimedOut, "timed-out"),
            (Contract::Unreachable(String::new()), "unreachable"),
            (Contract::TooLarge(1), "too-large"),
            (Contract::Interrupted, "interrupted"),
            (Contract::Abandoned, "abandoned"),
            (Contract::Other(other), "too-many"),
        ] {
            assert_eq!(CallError::from_contract(error).code(), code);
        }
    }

    #[test]
    fn the_message_says_why() {
        let denied = CallError::Denied("10.0.0.1 is a private address".into());
        assert_eq!(
            denied.to_string(),
            "the call is not allowed: 10.0.0.1 is a private address"
        );
        let other = CallError::Other {
            code: "a".into(),
            message: "try tomorrow".into(),
        };
        assert_eq!(other.to_string(), "try tomorrow");
    }
}
