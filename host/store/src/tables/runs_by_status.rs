//! `runs_by_status`: an index for lists.
//!
//! Key: the status as a byte ([`tag`]), run. No row. A pending run is not here, for all of those are in `due` and not for
//! long, unless it is paused and was set aside ([`PENDING_ASIDE`]).

use dormouse_journal::{RunId, Status};

use super::TableId;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(u8, RunId)> = Index::new(TableId::RunsByStatus);

/// The tag of a pending run that was set aside, and so is not in `due`.
pub(crate) const PENDING_ASIDE: u8 = 0;

/// The tag of a blocked run.
pub(crate) const BLOCKED: u8 = 3;

/// Returns the byte of a status. Frozen: these bytes are in files.
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
