//! The log of a run.

use dormouse_journal::Level;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// A page of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Where the next page begins. Absent at the end of what is logged so far.
    pub next: Option<String>,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// The number of the activation that logged the line.
    pub activation: u32,
    /// The time, as the workflow's clock had it.
    pub time: Timestamp,
    /// The level of the line.
    #[schema(value_type = String, example = "info")]
    pub level: Level,
    /// The text.
    pub message: String,
}

impl LogLine {
    /// Returns the shown form of a stored line.
    #[must_use]
    pub fn of(activation: u32, line: dormouse_journal::LogLine) -> Self {
        LogLine {
            activation,
            time: Timestamp(line.time),
            level: line.level,
            message: line.message,
        }
    }
}
