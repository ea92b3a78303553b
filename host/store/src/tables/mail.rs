//! `mail`: events aimed at one run and not yet taken.
//!
//! Key: run, event, place. Row: [`Mail`]. Places work as in the inbox of a webhook.

use dormouse_journal::{Payload, Time};
use serde::{Deserialize, Serialize};

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<(RunKey, &'static str, u64), Mail> = Rows::new("mail");

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mail {
    pub(crate) accepted: Time,
    pub(crate) payload: Payload,
}
