//! `mail_payloads`: payloads of aimed events that are too large for their rows of `mail`.
//!
//! Key: run, event, place. Row: a payload.

use dormouse_journal::{Payload, RunId};

use super::TableId;
use crate::rows::table::Table;

pub(crate) const TABLE: Table<(RunId, String, u64), Payload> = Table::new(TableId::MailPayloads);
