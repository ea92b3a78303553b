//! `mailboxes`: a run's inbox for one event, as a whole.
//!
//! Key: run, event. Row: [`Mailbox`].

use serde::{Deserialize, Serialize};

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<(RunKey, &'static str), Mailbox> = Rows::new("mailboxes");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Mailbox {
    /// The place of the next event.
    pub(crate) next_place: u64,
    pub(crate) queued: u32,
    pub(crate) queued_bytes: u64,
    /// How many waits are open.
    pub(crate) waits: u32,
}

impl Mailbox {
    /// Whether there is something to deliver.
    pub(crate) fn is_ready(&self) -> bool {
        self.waits > 0 && self.queued > 0
    }
}
