//! `event_waits`: who waits for an event.
//!
//! Key: event, run, operation. Row: [`EventWait`].

use dormouse_journal::Waiting;
use serde::{Deserialize, Serialize};

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<(&'static str, RunKey, u32), EventWait> = Rows::new("event_waits");

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EventWait {
    /// The commit sequence at which the wait was made: an event decided before does not reach it.
    pub(crate) since: u64,
    pub(crate) waiting: Waiting,
}
