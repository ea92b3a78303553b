//! `inbox_requests`: requests that are too large for their rows of `inbox`.
//!
//! Key: run, webhook, place. Row: a request.

use dormouse_journal::Request;

use super::TableId;
use super::inbox::Key;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<Key, Request> = Table::new(TableId::InboxRequests);

impl Row for Request {}
