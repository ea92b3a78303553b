//! Reads the parts of a request to the API. Each part is either valid or [`Malformed`]; nothing is guessed.

mod cursor;
mod filter;
mod headers;
mod id_prefix;
mod idempotency;
mod labels;
mod prefer;
mod query;
mod secret;
mod workflow_name;

use std::fmt::Display;

pub use cursor::{AfterRun, AtActivation, AtLine, Cursor};
pub use filter::RunFilter;
pub use headers::for_the_run;
pub use id_prefix::IdPrefix;
pub use idempotency::idempotency_key;
pub use labels::{InvalidLabels, LABEL, labels};
pub use prefer::Wait;
pub use query::QueryParams;
pub use secret::{InvalidSecretBody, changed_uses, new_secret};
pub use workflow_name::workflow_name;

/// The error for a part of a request that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Malformed {
    /// The code, for programs. It never changes.
    pub code: &'static str,
    /// A text that names the part and says what would be right.
    pub detail: String,
}

impl Malformed {
    /// Creates the error for the query parameter `name`.
    pub fn of_query(name: &str, why: impl Display) -> Self {
        Malformed::new(
            "invalid-query",
            &format!("the query parameter {name:?}"),
            why,
        )
    }

    /// Creates the error for the part `what`, such as "the query parameter \"limit\"".
    pub fn new(code: &'static str, what: &str, why: impl Display) -> Self {
        Malformed {
            code,
            detail: format!("{what} {why}"),
        }
    }
}
