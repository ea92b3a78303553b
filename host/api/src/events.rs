//! The result of sending an event.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The runs that an event reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notified {
    /// The number of waits that the event has reached.
    #[serde(default)]
    pub waits: u32,
    /// The ids of the runs that waited for the event, at most 1,000.
    pub runs: Vec<String>,
    /// True if the event reached more runs than these, or is still being delivered.
    #[serde(default)]
    pub more: bool,
}

/// An event that a run keeps for its next wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotifiedRun {
    /// The id of the run.
    pub run: String,
    /// The name of the event.
    pub event: String,
}
