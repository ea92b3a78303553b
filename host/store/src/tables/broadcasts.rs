//! `broadcasts`: events sent to all who wait that had more waiters than one transaction serves.
//!
//! Key: the commit sequence at which it was decided. Row: [`Broadcast`]. It is removed when the last waiter is served.

use dormouse_journal::{OperationNumber, Payload, RunId, Time};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<u64, Broadcast> = Table::new(TableId::Broadcasts);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Broadcast {
    pub(crate) event: String,
    pub(crate) payload: Payload,
    /// When it was decided. A wait whose deadline was not later is not reached.
    pub(crate) accepted: Time,
    /// The last waiter looked at; the next batch begins after it.
    pub(crate) cursor: Option<(RunId, OperationNumber)>,
}

impl Row for Broadcast {}
