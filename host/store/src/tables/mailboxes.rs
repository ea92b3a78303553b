//! `mailboxes`: a run's inbox for one event, as a whole.
//!
//! Key: run, event. Row: [`Mailbox`].

use dormouse_journal::RunId;
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, String), Mailbox> = Table::new(TableId::Mailboxes);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Mailbox {
    /// The place of the next event.
    pub(crate) next_place: u64,
    pub(crate) queued: u32,
    pub(crate) queued_bytes: u64,
    /// How many waits are open.
    pub(crate) waits: u32,
}

impl Row for Mailbox {}

impl Mailbox {
    /// Returns true if there is something to deliver.
    pub(crate) fn is_ready(&self) -> bool {
        self.waits > 0 && self.queued > 0
    }
}
