//! `unsettled`: runs whose waits for events are being written in pieces, so that some are not in `event_waits` yet.
//!
//! Key: run. Row: [`Unsettled`]. The row is written in the commit that decides about the waits, and removed with the
//! order that writes them. An event to all that was decided later than such a commit looks for its waits afterwards.

use dormouse_journal::RunId;
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<RunId, Unsettled> = Table::new(TableId::Unsettled);

/// What is known of waits that are being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unsettled {
    /// The commit sequence at which the waits count as made.
    pub(crate) since: u64,
}

impl Row for Unsettled {}

/// Returns the commit sequence at which waits of a run count as made that are written now.
pub(crate) fn since(rows: &(impl Rows + ?Sized), run: RunId, now: u64) -> Result<u64, ReadError> {
    let unsettled = TABLE.get(rows, run)?;
    Ok(unsettled.map_or(now, |unsettled| unsettled.since))
}

/// Returns the commit sequence up to which the waits for every event are written.
pub(crate) fn settled_until(rows: &(impl Rows + ?Sized)) -> Result<u64, ReadError> {
    let all = TABLE.list(rows, TABLE.all(), usize::MAX)?;
    let first = all.into_iter().map(|(_, unsettled)| unsettled.since).min();
    Ok(first.unwrap_or(u64::MAX))
}
