//! `runs_by_status`: an index for lists.
//!
//! Key: the status as a byte ([`tag`]), run. No row. A pending run is not in this index: all pending runs are in `due`,
//! and stay pending only for a short time. A paused run that was set aside while pending has the tag [`PENDING_ASIDE`].

use dormouse_journal::{RunId, Status};

use super::TableId;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(u8, RunId)> = Index::new(TableId::RunsByStatus);

/// The tag of a pending run that was set aside, and so is not in `due`.
pub(crate) const PENDING_ASIDE: u8 = 0;

/// The tag of a blocked run.
pub(crate) const BLOCKED: u8 = 3;

/// Returns the byte of a status. These bytes are stored, so they must not change.
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
