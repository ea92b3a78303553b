//! Pauses: the present pauses, and the pause of a run.

use std::collections::BTreeMap;

use dormouse_journal::Status;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;
use super::runs::status_schema;

/// What is paused on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pauses {
    /// Since when the host is paused. Null if it is not.
    pub host: Option<Timestamp>,
    /// The workflows that are paused, each with the time of its pause.
    #[schema(example = json!({"approval": "2026-03-01T08:00:00.000Z"}))]
    pub workflows: BTreeMap<String, Timestamp>,
    /// The number of runs that are paused themselves.
    pub runs: u64,
}

/// A run that was paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PausedRun {
    /// The id of the run, a UUID.
    pub id: String,
    /// The status of the run, which stays the same during the pause.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// Always `run`: the run itself is paused.
    pub paused: String,
}
