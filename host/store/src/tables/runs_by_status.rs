//! `runs_by_status`: an index for lists.
//!
//! Key: the status as a byte ([`tag`]), run. No value. A pending run is not here: all of those are in `due`, and not for
//! long.

use dormouse_journal::Status;
use redb::TableDefinition;

use super::RunKey;

pub(crate) const TABLE: TableDefinition<'static, (u8, RunKey), ()> =
    TableDefinition::new("runs_by_status");

/// That of a blocked run.
pub(crate) const BLOCKED: u8 = 3;

/// Frozen: these bytes are in files.
pub(crate) fn tag(status: Status) -> Option<u8> {
    match status {
        Status::Pending => None,
        Status::Running => Some(1),
        Status::Suspended => Some(2),
        Status::Blocked => Some(BLOCKED),
        Status::Completed => Some(4),
        Status::Failed => Some(5),
        Status::Cancelled => Some(6),
    }
}
