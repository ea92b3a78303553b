//! `mailboxes`: the state of a run's inbox for events of one name.
//!
//! Key: run, event. Row: [`Mailbox`].

use dormouse_journal::RunId;
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, String), Mailbox> = Table::new(TableId::Mailboxes);

/// The first place in a new mailbox. The places before it are for events to all that a run gets back when it is taken
/// back. A mailbox of schema 5 and before begins at 0.
const FIRST_PLACE: u64 = 1 << 32;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mailbox {
    /// The place of the next event.
    pub(crate) next_place: u64,
    pub(crate) queued: u32,
    pub(crate) queued_bytes: u64,
    /// The number of open waits.
    pub(crate) waits: u32,
}

impl Default for Mailbox {
    fn default() -> Self {
        Mailbox {
            next_place: FIRST_PLACE,
            queued: 0,
            queued_bytes: 0,
            waits: 0,
        }
    }
}

impl Row for Mailbox {}

impl Mailbox {
    /// Returns true if there is something to deliver.
    pub(crate) fn is_ready(&self) -> bool {
        self.waits > 0 && self.queued > 0
    }
}
