//! Finds the steps of a failed run that had a bad answer: those that a retry does again, and earlier ones.

use std::collections::BTreeMap;

use dormouse_journal::{Activation, OperationNumber, Outcome, RunId};
use dormouse_store::{FailedRun, RunView};

use crate::Unavailable;
use crate::bad_step::{BadStep, RedoCommand, answer, is_once};
use crate::repairs::{LIMITS, RepairError, Repairs};

/// The largest number of earlier steps that are named.
const NAMED: usize = 10;

/// The number of activations before the failure that are read. The limit avoids reading a whole long journal to show a
/// run.
const LOOKED_AT: u32 = 512;

/// The number of activations that are read at once.
const PAGE: u32 = 32;

impl Repairs {
    /// Returns the steps of a failed run that had a bad answer, if the run can be retried: first the steps that a retry
    /// does again, then earlier ones, the last first. Empty for any other run.
    pub(crate) async fn bad_answers(&self, run: RunId) -> Result<Vec<BadStep>, RepairError> {
        match self.store.failed(run).await.map_err(Unavailable::from)? {
            Some(failed) => self.bad_steps(&failed).await,
            None => Ok(Vec::new()),
        }
    }

    pub(crate) async fn bad_steps(&self, failed: &FailedRun) -> Result<Vec<BadStep>, RepairError> {
        let by_retry = match ends_the_same_way(failed) {
            true => RedoCommand::Anyway,
            false => RedoCommand::Retry,
        };
        let again = failed.bad.iter().map(|bad| BadStep {
            operation: bad.operation,
            step: bad.open.step.clone(),
            kind: bad.open.kind.name(),
            answer: answer(&bad.open.kind, &bad.outcome),
            again: match is_once(&bad.open.kind, &bad.outcome) {
                true => RedoCommand::From,
                false => by_retry,
            },
        });
        let mut steps: Vec<BadStep> = again.collect();
        let earlier = self.earlier(&failed.view).await?;
        let is_new = |step: &BadStep| steps.iter().all(|known| known.operation != step.operation);
        let earlier: Vec<BadStep> = earlier.into_iter().filter(is_new).take(NAMED).collect();
        steps.extend(earlier);
        Ok(steps)
    }

    /// Returns the steps whose bad answer was taken in one of the journal's last activations, the last first. Steps
    /// that were made before these activations are left out.
    async fn earlier(&self, view: &RunView) -> Result<Vec<BadStep>, RepairError> {
        let state = &view.state;
        let from = state.activations.saturating_sub(LOOKED_AT);
        let from = from.max(state.first_activation);
        let mut found = Earlier::new(state.operations);
        let mut end = state.activations;
        while end > from && !found.is_full() {
            let mut next = end.saturating_sub(PAGE).max(from);
            let mut page = Vec::new();
            let start = next;
            while next < end {
                let read = self.store.journal(view.id, next, (end - next) as usize);
                let read = read.await.map_err(Unavailable::from)?.activations;
                if read.is_empty() {
                    return Ok(found.steps());
                }
                next += u32::try_from(read.len()).unwrap_or(u32::MAX);
                page.extend(read);
            }
            for activation in page.iter().rev() {
                found.look(activation);
            }
            end = start;
        }
        Ok(found.steps())
    }
}

/// Returns true if a failed run would fail again on the same code: no bad answer was given to it, and no limit failed
/// it.
pub(crate) fn ends_the_same_way(failed: &FailedRun) -> bool {
    let code = failed.view.state.failure.as_ref();
    let is_limit = code.is_some_and(|failure| LIMITS.contains(&failure.code.as_str()));
    let is_given = failed.bad.iter().any(|bad| bad.was_given);
    failed.was_activated && !is_given && !is_limit
}

/// The result of reading a journal from its end.
struct Earlier {
    /// The number of the first operation of the activation that was read last.
    first: u32,
    /// Bad answers whose steps have not been found yet.
    open: BTreeMap<OperationNumber, Outcome>,
    steps: Vec<BadStep>,
}

impl Earlier {
    /// Creates an empty result for a journal with this many operations.
    fn new(operations: u32) -> Self {
        Earlier {
            first: operations,
            open: BTreeMap::new(),
            steps: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.open.is_empty() && self.steps.len() >= NAMED
    }

    fn look(&mut self, activation: &Activation) {
        let made = u32::try_from(activation.operations.len()).unwrap_or(u32::MAX);
        self.first = self.first.saturating_sub(made);
        for (number, operation) in (self.first..).zip(&activation.operations) {
            let number = OperationNumber(number);
            if let Some(outcome) = self.open.remove(&number) {
                self.steps.push(BadStep {
                    operation: number,
                    step: operation.step.clone(),
                    kind: operation.kind.name(),
                    answer: answer(&operation.kind, &outcome),
                    again: RedoCommand::From,
                });
            }
        }
        let completion = activation.completion.as_ref();
        let bad = completion.filter(|completion| completion.outcome.is_bad());
        if let Some(bad) = bad {
            self.open.insert(bad.operation, bad.outcome.clone());
        }
    }

    /// Returns the steps, the one made last first.
    fn steps(mut self) -> Vec<BadStep> {
        self.steps
            .sort_by_key(|step| std::cmp::Reverse(step.operation));
        self.steps
    }
}
