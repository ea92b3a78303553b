//! Pauses: what is paused, and a run that is.

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
    /// How many runs are paused by themselves.
    pub runs: u64,
}

/// A run that was paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PausedRun {
    /// Its id, a UUID.
    pub id: String,
    /// Where it stands. It stays there until it goes on.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// By what it is paused: `run`.
    pub paused: String,
}
