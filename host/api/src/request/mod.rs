//! What a request to the API says, part by part. Each part is either understood or [`Malformed`]; nothing is guessed.

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
pub use labels::{LABEL, NotLabels, labels};
pub use prefer::Wait;
pub use query::QueryParams;
pub use secret::{NotASecret, changed_uses, new_secret};
pub use workflow_name::workflow_name;

/// A part of a request that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Malformed {
    /// For programs. It never changes.
    pub code: &'static str,
    /// Which part it is, and what would be right.
    pub detail: String,
}

impl Malformed {
    /// `name` is that of a query parameter.
    pub fn of_query(name: &str, why: impl Display) -> Self {
        Malformed::new(
            "invalid-query",
            &format!("the query parameter {name:?}"),
            why,
        )
    }

    /// `what` names the part, such as "the query parameter \"limit\"".
    pub fn new(code: &'static str, what: &str, why: impl Display) -> Self {
        Malformed {
            code,
            detail: format!("{what} {why}"),
        }
    }
}
