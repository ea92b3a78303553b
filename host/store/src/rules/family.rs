//! Runs and the runs that they started: which run may do what with which other run, how others are told of the end of a
//! run, and how a run is asked to cancel.

use dormouse_journal::{
    CancelOptions, End, Failure, OperationNumber, Outcome, RunId, RunOutcome, Status, Transition,
};

use super::Write;
use super::run::RunWrite;
use crate::ReadError;
use crate::rows::Rows;
use crate::tables::expiries::Expiring;
use crate::tables::orders::{self, Order};
use crate::tables::{CancelAsked, journal, run_waits, runs, workflows};

/// The reason of a cancel that was given none.
const NO_REASON: &str = "cancelled";

/// The grace period of children whose parent has completed, in milliseconds.
const PARENT_GRACE: u64 = 30_000;

/// The number of runs above a run that are checked to find out whether another run is one of them. `depth-limit` is at
/// most this large.
const ANCESTORS: u32 = 1_000;

/// The largest last record of a run that is copied at once to a run that waits for it, in bytes.
const SMALL: usize = 2_048;

/// The answer to the question whether a run may wait for another run and cancel it.
pub(super) enum Access {
    Allowed,
    Refused(Failure),
    /// There is no such run.
    Gone,
}

/// Returns the reason why runs of a workflow may not start runs of another, if there is one.
pub(super) fn refuse_start(
    rows: &(impl Rows + ?Sized),
    workflow: &str,
    child: &str,
) -> Result<Option<Failure>, ReadError> {
    let own = workflows::TABLE.get(rows, workflow)?;
    let Some(may_use) = own.and_then(|own| own.may_use) else {
        return Ok(None);
    };
    if workflow == child || may_use.iter().any(|name| name == child) {
        return Ok(None);
    }
    Ok(Some(Failure {
        code: "not-allowed".into(),
        message: format!(
            "runs of workflow {workflow:?} may not start runs of {child:?}; the setting is `may-use` of {workflow:?}"
        ),
    }))
}

/// Returns whether a run may wait for another run and cancel it. It may if it started the run, directly or through
/// other runs, or if the run belongs to its own workflow or to one that this workflow may use.
pub(super) fn access(
    rows: &(impl Rows + ?Sized),
    asking: (RunId, &str),
    target: RunId,
) -> Result<Access, ReadError> {
    let (id, workflow) = asking;
    let Some(found) = runs::TABLE.get(rows, target)? else {
        return Ok(Access::Gone);
    };
    let may_use = workflows::TABLE.get(rows, workflow)?;
    let may_use = may_use.and_then(|workflow| workflow.may_use);
    let is_named = may_use.is_some_and(|names| names.contains(&found.run.workflow));
    if found.run.workflow == workflow || is_named {
        return Ok(Access::Allowed);
    }
    let mut above = found.run.parent;
    for _ in 0..ANCESTORS {
        let Some(parent) = above else { break };
        if parent.run == id {
            return Ok(Access::Allowed);
        }
        let stored = runs::TABLE.get(rows, parent.run)?;
        above = stored.and_then(|stored| stored.run.parent);
    }
    Ok(Access::Refused(Failure {
        code: "not-allowed".into(),
        message: format!(
            "run {target} is of the workflow {:?} and was not started by this run; a run may wait for and cancel those \
             below it, runs of its own workflow, and those of workflows that its own may use (`dormouse workflows set \
             --may-use`)",
            found.run.workflow
        ),
    }))
}

/// Makes a run wait for another run: it gets the outcome at once if that run has ended, otherwise later. A large output
/// is copied in pieces. Returns true if an order was written for that.
pub(super) fn wait(
    write: &mut Write<'_>,
    asking: (RunId, &str),
    operation: OperationNumber,
    target: Option<RunId>,
) -> Result<bool, ReadError> {
    let access = match target {
        Some(target) => access(&write.rows, asking, target)?,
        None => Access::Gone,
    };
    let told = match (access, target) {
        (Access::Refused(failure), _) => Err(failure),
        (Access::Allowed, Some(target)) => {
            let Some(outcome) = small_outcome(write, target)? else {
                let key = (target, asking.0, operation);
                run_waits::TABLE.add(&mut write.rows, key)?;
                return order_outcome(write, target);
            };
            Ok(outcome)
        }
        _ => Ok(RunOutcome::Gone),
    };
    if let (Ok(RunOutcome::Failed(_)), Some(target)) = (&told, target) {
        note_told(write, target, asking.0)?;
    }
    if let Some(mut run) = write.run(asking.0)? {
        // An outcome that was known when the wait was made is in time, even if the wait has a timeout of 0.
        let made = run.state().time;
        run.put_result(operation, made, &Outcome::RunEnded(told.map(Some)).into())?;
    }
    Ok(false)
}

/// Notes for a failed run that the run which started it has got its failure, if that is the run that waits.
pub(super) fn note_told(
    write: &mut Write<'_>,
    failed: RunId,
    waiter: RunId,
) -> Result<(), ReadError> {
    let Some(mut run) = write.run(failed)? else {
        return Ok(());
    };
    if !run.state().is_frozen() {
        return Ok(());
    }
    let stored = runs::TABLE.get(run.rows, failed)?;
    let parent = stored.and_then(|stored| stored.run.parent);
    if parent.is_some_and(|parent| parent.run == waiter)
        && let Some(frozen) = &mut run.state_mut().frozen
    {
        frozen.parent_told = true;
    }
    Ok(())
}

/// Returns the outcome of a run, if it has ended and the outcome is small.
fn small_outcome(write: &mut Write<'_>, target: RunId) -> Result<Option<RunOutcome>, ReadError> {
    if let Some(run) = write.run(target)? {
        let last = run.state().activations.saturating_sub(1);
        let key = run.record_key(last);
        let size = journal::TABLE.size(run.rows, key)?;
        if run.state().status == Status::Completed && size.is_some_and(|size| size > SMALL) {
            return Ok(None);
        }
    }
    outcome(write, target)
}

/// Orders that the runs which wait for a run get its outcome, if it has ended. Returns true if it has.
fn order_outcome(write: &mut Write<'_>, target: RunId) -> Result<bool, ReadError> {
    let ended = write.run(target)?.and_then(|run| run.state().ended);
    let Some(at) = ended else { return Ok(false) };
    if !orders::TABLE.has(&write.rows, (target, orders::ENDED))? {
        let ended = Order::Ended {
            at,
            parent_told: true,
        };
        orders::put(&mut write.rows, target, orders::ENDED, &ended)?;
    }
    Ok(true)
}

/// Returns the outcome of a run. None if it has not ended.
pub(super) fn outcome(
    write: &mut Write<'_>,
    target: RunId,
) -> Result<Option<RunOutcome>, ReadError> {
    let Some(run) = write.run(target)? else {
        return Ok(Some(RunOutcome::Gone));
    };
    let state = run.state();
    Ok(match state.status {
        Status::Completed => {
            let last = state.activations.saturating_sub(1);
            let last = journal::TABLE.get(run.rows, run.record_key(last))?;
            match last.and_then(|last| last.end) {
                Some(End::Completed(output)) => Some(RunOutcome::Completed(output)),
                _ => Some(RunOutcome::Gone),
            }
        }
        Status::Failed => Some(RunOutcome::Failed(state.failure.clone().unwrap_or(
            Failure {
                code: "error".into(),
                message: String::new(),
            },
        ))),
        Status::Cancelled => {
            let reason = state.cancel.as_ref().map(|asked| asked.reason.clone());
            Some(RunOutcome::Cancelled(
                reason.unwrap_or_else(|| NO_REASON.into()),
            ))
        }
        _ => None,
    })
}

impl RunWrite<'_> {
    /// Cancels the run, or asks it to cancel. Returns true if the run has ended because of that. Does nothing to a run
    /// that has ended.
    pub(crate) fn cancel(
        &mut self,
        options: &CancelOptions,
        retention: u64,
    ) -> Result<bool, ReadError> {
        if self.state().status.has_ended() {
            return Ok(false);
        }
        let now = self.now;
        let until = options.grace.map_or(now, |grace| now.after(grace));
        let asked = match &self.state().cancel {
            // The first request to cancel counts. A later one may shorten the time that is left, not extend it.
            Some(asked) => CancelAsked {
                until: asked.until.min(until),
                ..asked.clone()
            },
            None => CancelAsked {
                reason: options.reason.clone().unwrap_or_else(|| NO_REASON.into()),
                at: now,
                until,
            },
        };
        let until = asked.until;
        self.change_cancel(|cancel, _| *cancel = Some(asked));
        if until > now {
            Expiring::Grace(self.id).add(self.rows, until)?;
            return Ok(false);
        }
        if self.transition(Transition::Cancelled).is_err() {
            return Ok(false);
        }
        self.state_mut().failure = None;
        self.end(retention)?;
        Ok(true)
    }

    /// Changes the request to cancel, or the number of operations that wait for one, and updates whether the run has
    /// something to deliver.
    pub(crate) fn change_cancel(
        &mut self,
        change: impl FnOnce(&mut Option<CancelAsked>, &mut u32),
    ) {
        let state = self.state_mut();
        let was_ready = state.hears_of_cancel();
        change(&mut state.cancel, &mut state.cancel_waits);
        let is_ready = state.hears_of_cancel();
        self.count(was_ready, is_ready);
    }

    /// Orders, for a run that has just ended, what follows for other runs: those that wait for it, the run that started
    /// it, and those that it started.
    pub(crate) fn tell_family(&mut self) -> Result<(), ReadError> {
        let (id, now) = (self.id, self.now);
        let waits = run_waits::TABLE.of(id);
        let state = self.state();
        if state.is_child
            || !run_waits::TABLE
                .keys(self.rows, waits, false, 1)?
                .is_empty()
        {
            let ended = Order::Ended {
                at: now,
                parent_told: false,
            };
            orders::put(self.rows, id, orders::ENDED, &ended)?;
        }
        // A failed run may be retried, and then needs the runs that it started.
        let (is_frozen, children) = (self.state().is_frozen(), self.state().children);
        if !is_frozen && (children > 0 || self.has_orders()?) {
            self.end_family()?;
        }
        Ok(())
    }

    /// Orders that the runs which this run started are asked to cancel.
    pub(crate) fn end_family(&mut self) -> Result<(), ReadError> {
        let grace = match self.state().status {
            Status::Completed => Some(PARENT_GRACE),
            _ => None,
        };
        let family = Order::Family {
            grace,
            cursor: None,
        };
        orders::put(self.rows, self.id, orders::FAMILY, &family)
    }

    /// Returns true if there are orders of this run to be carried out.
    pub(crate) fn has_orders(&self) -> Result<bool, ReadError> {
        let first = orders::TABLE.keys(self.rows, orders::TABLE.of(self.id), false, 1)?;
        Ok(!first.is_empty())
    }
}
