//! The body of an answer that reports a problem, in the form of RFC 9457.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Difference;

/// Why a request was not answered as asked, in the form of RFC 9457.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: String,
    /// The HTTP status in words.
    #[schema(example = "Not Found")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What went wrong and what to do, for people.
    pub detail: String,
    /// The code of the problem, for programs. A code never changes its meaning.
    #[schema(example = "unknown-run")]
    pub code: String,
    /// If `code` is `differs`: where the workflow's code does not repeat the run's journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Box<Difference>>,
}
