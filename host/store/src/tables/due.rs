//! `due`: runs that can go on right now.
//!
//! Key: run. No row. A run is here exactly while it is pending, or something that it waits for has arrived and was
//! not delivered ([`State::ready`](super::State::ready) is not 0). Start-up scans this table, and not the runs.

use dormouse_journal::RunId;

use super::TableId;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<RunId> = Index::new(TableId::Due);
