//! What came of an event.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whom an event reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notified {
    /// The ids of the runs that waited for it.
    pub runs: Vec<String>,
}

/// An event that a run keeps for its next wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotifiedRun {
    /// The run.
    pub run: String,
    /// The event.
    pub event: String,
}
