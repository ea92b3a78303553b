//! `due`: runs that can go on right now.
//!
//! Key: run. No value. A run is here exactly while it is pending, or something that it waits for has arrived and was
//! not delivered ([`State::ready`](super::State::ready) is not 0). Start-up scans this table, and not the runs.

use redb::TableDefinition;

use super::RunKey;

pub(crate) const TABLE: TableDefinition<'static, RunKey, ()> = TableDefinition::new("due");
