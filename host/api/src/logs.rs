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

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// The activation that logged it.
    pub activation: u32,
    /// The workflow's time.
    pub time: Timestamp,
    /// How much it matters.
    #[schema(value_type = String, example = "info")]
    pub level: Level,
    /// The text.
    pub message: String,
}

impl LogLine {
    /// A line as the store has it.
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
