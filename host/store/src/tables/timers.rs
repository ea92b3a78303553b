//! `timers`: deadlines of waits and ends of sleeps.
//!
//! Key: when, run, operation. No value. Scanned from the front.

use redb::TableDefinition;

use super::RunKey;

pub(crate) const TABLE: TableDefinition<'static, (u64, RunKey, u32), ()> =
    TableDefinition::new("timers");
