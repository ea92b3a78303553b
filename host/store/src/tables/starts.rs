//! `starts`: keys of requests that started a run, by which a repeat is known.
//!
//! Key: workflow, SHA-256 of the key. Row: [`Start`]. Removed by the queue of expiries.

use dormouse_journal::RunId;
use serde::{Deserialize, Serialize};

use super::Rows;

pub(crate) const TABLE: Rows<(&'static str, [u8; 32]), Start> = Rows::new("starts");

/// A start that had a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// The run that was started.
    pub run: RunId,
    /// SHA-256 of what it was started with.
    pub input: [u8; 32],
}
