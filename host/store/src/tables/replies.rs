//! `replies`: the answers to callers whose webhooks reply from the workflow. They are kept for callers that ask again.
//!
//! Key: run, delivery. Row: [`Reply`]. There is a row for each request with a key by which a repeat is recognised. It
//! is removed together with that key.

use dormouse_journal::{Response, RunId};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, String), Reply> = Table::new(TableId::Replies);

/// The answer to a caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The response. None until the workflow has decided it.
    pub response: Option<Response>,
}

impl Row for Reply {}
