//! `due`: runs that can go on now.
//!
//! Key: run. No row. A run is in this table exactly while it is pending, or while something that it waits for has
//! arrived and was not delivered ([`State::ready`](super::State::ready) is not 0). A start scans this table and
//! not the runs.

use dormouse_journal::RunId;

use super::TableId;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<RunId> = Index::new(TableId::Due);
