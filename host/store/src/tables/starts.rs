//! `starts`: keys of requests that started a run, by which repeats are recognised.
//!
//! Key: workflow, SHA-256 of the key. Row: [`Start`]. Removed by the queue of expiries.

use dormouse_journal::RunId;
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(String, [u8; 32]), Start> = Table::new(TableId::Starts);

/// A start that had a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// The run that was started.
    pub run: RunId,
    /// SHA-256 of the input with which the run was started.
    pub input: [u8; 32],
}

impl Row for Start {}
