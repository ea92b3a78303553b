//! `runs_by_status`: an index for lists.
//!
//! Key: the status as a byte ([`tag`]), run. No value.

use dormouse_journal::Status;
use redb::TableDefinition;

use super::RunKey;

pub(crate) const TABLE: TableDefinition<'static, (u8, RunKey), ()> =
    TableDefinition::new("runs_by_status");

/// Frozen: these bytes are in files.
pub(crate) fn tag(status: Status) -> u8 {
    match status {
        Status::Pending => 0,
        Status::Running => 1,
        Status::Suspended => 2,
        Status::Blocked => 3,
        Status::Completed => 4,
        Status::Failed => 5,
        Status::Cancelled => 6,
    }
}
