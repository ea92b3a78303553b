//! What came of an event.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whom an event reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notified {
    /// How many waits it has reached.
    #[serde(default)]
    pub waits: u32,
    /// The ids of the runs that waited for it, at most 1,000.
    pub runs: Vec<String>,
    /// Whether it reached more runs than these, or is still on its way to others.
    #[serde(default)]
    pub more: bool,
}

/// An event that a run keeps for its next wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotifiedRun {
    /// The run.
    pub run: String,
    /// The event.
    pub event: String,
}
