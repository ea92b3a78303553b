//! `trigger_requests`: keys of accepted requests to triggers, by which repeats are recognised.
//!
//! Key: trigger, SHA-256 of the key's kind and text. Row: [`TriggerRequested`]. Removed by the queue of expiries,
//! or when the host is told to forget the request.

use dormouse_journal::{RunId, Time, TriggerId};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(TriggerId, [u8; 32]), TriggerRequested> =
    Table::new(TableId::TriggerRequests);

/// A request with a key.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct TriggerRequested {
    /// The run that the request started or belonged to.
    pub(crate) run: RunId,
    /// SHA-256 of the request's body.
    pub(crate) body: [u8; 32],
    /// When the row expires.
    pub(crate) expires: Time,
}

impl Row for TriggerRequested {}
