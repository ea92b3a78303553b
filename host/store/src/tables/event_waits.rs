//! `event_waits`: waits for events.
//!
//! Key: event, run, operation. Row: [`EventWait`].

use dormouse_journal::{OperationNumber, RunId, Waiting};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(String, RunId, OperationNumber), EventWait> =
    Table::new(TableId::EventWaits);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EventWait {
    /// The commit sequence at which the wait was made: an event decided before does not reach it.
    pub(crate) since: u64,
    pub(crate) waiting: Waiting,
}

impl Row for EventWait {}
