//! `results`: outcomes that have arrived for one operation and were not delivered yet: of calls, of notifies, and of
//! waits that an event sent to all has reached.
//!
//! Key: run, operation. Row: [`Arrived`].

use dormouse_journal::{Outcome, Time};
use serde::{Deserialize, Serialize};

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<(RunKey, u32), Arrived> = Rows::new("results");

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Arrived {
    pub(crate) accepted: Time,
    pub(crate) outcome: Outcome,
}
