//! Whether a run waits for a thing of some kind, which no index knows.

use dormouse_journal::{Awaited, Open, OperationNumber, RunId};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::tables::open;
use crate::tables::states::Standing;

impl<R: Rows> View<R> {
    /// Returns whether a run waits for such a thing, and how many rows were read for that: at most as many as the run has
    /// operations that wait, less those in its own row.
    pub(super) fn awaits(
        &self,
        run: RunId,
        standing: &Standing,
        awaited: Awaited,
    ) -> Result<(bool, usize), ReadError> {
        // What an ended run had open is cleared in pieces, and waits for nothing meanwhile.
        if standing.state.status.has_ended() {
            return Ok((false, 0));
        }
        let is_it = |open: &Open| !open.abandoned && open.kind.awaited() == Some(awaited);
        let mut found = standing.open.own().any(is_it);
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
