//! `replies`: what callers are answered whose webhooks reply from the workflow, kept for those who ask again.
//!
//! Key: run, delivery. Row: [`Reply`]. There is a row for each request that has a key by which a repeat is known, and it
//! goes with that key.

use dormouse_journal::{Response, RunId};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, String), Reply> = Table::new(TableId::Replies);

/// What a caller is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// None as long as the workflow has not decided it.
    pub response: Option<Response>,
}

impl Row for Reply {}
