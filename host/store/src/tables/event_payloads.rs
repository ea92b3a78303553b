//! `event_payloads`: payloads of events to all that are too large for their rows of `broadcasts`.
//!
//! Key: the commit sequence at which the event was decided. Row: a payload. It is written once, however many waits the
//! event reaches: their results refer to it.

use dormouse_journal::Payload;

use super::TableId;
use crate::rows::table::Table;

pub(crate) const TABLE: Table<u64, Payload> = Table::new(TableId::EventPayloads);
