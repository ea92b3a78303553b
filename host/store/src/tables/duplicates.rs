//! `duplicates`: keys of requests that were accepted, by which a repeat is known.
//!
//! Key: run, webhook, SHA-256 of the key's kind and text. Row: [`Duplicate`]. Removed by the queue of expiries.

use dormouse_journal::{RunId, WebhookNumber};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, WebhookNumber, [u8; 32]), Duplicate> =
    Table::new(TableId::Duplicates);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Duplicate {
    /// What the first caller was answered with.
    pub(crate) id: String,
    /// SHA-256 of the first request's body.
    pub(crate) body: [u8; 32],
    /// Where the first request lay in the inbox.
    pub(crate) place: u64,
}

impl Row for Duplicate {}
