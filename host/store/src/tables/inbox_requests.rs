//! `inbox_requests`: requests that are too large for their rows of `inbox`.
//!
//! Key: run, webhook, place. Row: a request.

use dormouse_journal::{Request, RunId, WebhookNumber};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, WebhookNumber, u64), Request> =
    Table::new(TableId::InboxRequests);

impl Row for Request {}
