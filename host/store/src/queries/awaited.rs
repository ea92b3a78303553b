//! Checks whether a run waits for something of a given kind. No index has this.

use dormouse_journal::{Awaited, Open, OperationNumber, RunId};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::tables::open;
use crate::tables::states::StateRow;

impl<R: Rows> View<R> {
    /// Returns whether a run waits for something of this kind, and how many rows were read to find out: at most one for
    /// each of its open operations that is not in its own row.
    pub(super) fn awaits(
        &self,
        run: RunId,
        state_row: &StateRow,
        awaited: Awaited,
    ) -> Result<(bool, usize), ReadError> {
        // The open operations of an ended run are cleared in pieces. Meanwhile the run waits for nothing.
        if state_row.state.status.has_ended() {
            return Ok((false, 0));
        }
        let is_it = |open: &Open| !open.abandoned && open.kind.awaited() == Some(awaited);
        let mut found = state_row.open.own().any(is_it);
        let mut read = 0;
        if !found {
            let rest = open::TABLE.of(run);
            open::TABLE.scan(&self.0, rest, |_: (RunId, OperationNumber), open| {
                read += 1;
                found = is_it(&open);
                !found
            })?;
        }
        Ok((found, read))
    }
}
