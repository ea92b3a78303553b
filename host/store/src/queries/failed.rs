//! Reads of the bad answers of a failed run, which a retry asks for again.

use dormouse_journal::{Digest, Kind, OperationNumber, RunId};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::tables::{journal, repeats, results};
use crate::views::{BadAnswer, FailedRun};

impl<R: Rows> View<R> {
    /// Returns a failed run that may be retried. None if there is no such run, or if it has not failed or was given
    /// up.
    pub(crate) fn failed(&self, run: RunId) -> Result<Option<FailedRun>, ReadError> {
        let Some((view, Some(state_row))) = self.view_and_state_row(run)? else {
            return Ok(None);
        };
        let Some(frozen) = &view.state.frozen else {
            return Ok(None);
        };
        let last = view.state.activations.saturating_sub(1);
        let last = match frozen.before {
            Some(_) => journal::TABLE.get(&self.0, view.state.record_key(run, last))?,
            None => None,
        };
        let given = last.and_then(|last| last.completion);
        let given = given.map(|completion| completion.operation);
        let open = self.open(run, &state_row, usize::MAX)?;
        let mut failed = FailedRun {
            was_activated: frozen.before.is_some(),
            open: open.len() as u64,
            bad: Vec::new(),
            view,
        };
        for (operation, open) in open {
            let may_be_bad = matches!(open.kind, Kind::Call { .. } | Kind::WaitForRun { .. });
            if open.abandoned || !may_be_bad {
                continue;
            }
            let outcome = results::get(&self.0, (run, operation))?;
            if let Some(outcome) = outcome.filter(|outcome| outcome.is_bad()) {
                failed.bad.push(BadAnswer {
                    operation,
                    was_given: given == Some(operation),
                    repeats: self.repeats(run, operation)?,
                    open,
                    outcome,
                });
            }
        }
        Ok(Some(failed))
    }

    /// Returns the number of times that each of these calls was made again, if they are made now with these
    /// arguments.
    pub(crate) fn repeats_of(
        &self,
        run: RunId,
        calls: &[(OperationNumber, Digest)],
    ) -> Result<Vec<u32>, ReadError> {
        let mut counts = Vec::new();
        for (operation, digest) in calls {
            let repeats = repeats::TABLE.get(&self.0, (run, *operation))?;
            counts.push(repeats.map_or(0, |repeats| repeats.of(*digest)));
        }
        Ok(counts)
    }

    /// Returns the number of times that a call was made again after a definite answer.
    fn repeats(&self, run: RunId, operation: OperationNumber) -> Result<u32, ReadError> {
        let repeats = repeats::TABLE.get(&self.0, (run, operation))?;
        Ok(repeats.map_or(0, |repeats| repeats.count))
    }
}
