//! Retries a failed run: the activation in which it failed is taken back, operations with a bad answer are done again,
//! and its open operations wait again with the time that they had left.

use dormouse_journal::{
    Activation, GuestLimits, Kind, Open, OperationNumber, RunId, Status, Time, Transition,
    VersionId, WhenParentEnds,
};

use super::clearing::OPERATION;
use super::run::RunWrite;
use super::thaw::{Thaw, is_once_in_doubt};
use super::{Lane, RUN, SMALL_ROW, Transaction, Write, failed_try, family, handler};
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::table::between;
use crate::tables::call_requests::NewCallRows;
use crate::tables::expiries::Expiring;
use crate::tables::orders::{self, Order};
use crate::tables::repeats::{self, Repeats};
use crate::tables::{Attempts, Bounds, Call, calls, journal, logs, runs, timers};

/// The number of log lines of the taken-back activation that are removed with it. Lines beyond this number are replaced
/// by the next try, or stay.
const LINES: usize = 1_000;

/// Lets a failed run continue, if it is still as the caller has seen it.
#[derive(Debug, Clone)]
pub struct RetryFailed {
    /// The run.
    pub run: RunId,
    /// The number of activations in its journal, including the one in which it failed.
    pub activations: u32,
    /// The number of times that it was retried or moved before.
    pub tries: u32,
    /// The version that it continues on.
    pub version: VersionId,
    /// The host's limits. If one is larger than the run's own, the run gets it.
    pub limits: GuestLimits,
    /// The calls that are made again.
    pub calls: Vec<CallAgain>,
    /// The waits for other runs that are made again.
    pub waits: Vec<(OperationNumber, Kind)>,
    /// The records of the journal in which operations that are done again have other arguments now.
    pub records: Vec<(u32, Activation)>,
    /// The calls with an attempt in flight.
    pub in_flight: Vec<OperationNumber>,
    /// The number of its open operations. The retry may write rows for each.
    pub open: u64,
    /// True to retry it even if the run that started it was told of its failure or has ended, or if a run that was
    /// started for its failure has not ended.
    pub anyway: bool,
    /// True if the run that started it is retried after it.
    pub is_of_parent: bool,
    /// True to check only whether it could be retried.
    pub dry_run: bool,
}

/// A call that is made again.
#[derive(Debug, Clone)]
pub struct CallAgain {
    /// The operation.
    pub operation: OperationNumber,
    /// The operation's kind, with its present arguments.
    pub kind: Kind,
    /// The call. Its first attempt is due at the commit.
    pub call: Call,
    /// The number of times that the call was made again after a definite answer, including this time.
    pub repeats: u32,
}

/// The result of a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetriedFailed {
    /// The run continues.
    Now {
        /// The status of the run.
        status: Status,
        /// The calls whose next attempts are due.
        calls: Vec<(OperationNumber, Attempts)>,
        /// True if orders for other runs were written.
        ordering: bool,
    },
    /// The run could be retried.
    Could,
    /// The run has moved on meanwhile.
    Moved,
    /// The run has not failed, or was given up.
    NotFailed(Status),
    /// This call may be made only once, and nobody knows whether it was made.
    AtMostOnce(OperationNumber),
    /// This run started it, and has not failed itself: it was told of the failure, or has ended and asked the runs that
    /// it had started to cancel.
    FailureTold(RunId),
    /// This run was started for its failure and has not ended. None if it is about to be started.
    HandlerRunning(Option<RunId>),
    /// There is no such run.
    Unknown,
}

impl Transaction for RetryFailed {
    type Output = RetriedFailed;

    fn lane(&self) -> Lane {
        Lane::Run(self.run)
    }

    /// The rows: each open operation, four rows for each call that is made again, the waits that are made again, and
    /// the records.
    fn cost(&self) -> Extent {
        let rows = 2 * OPERATION * self.open + 5 * self.calls.len() as u64;
        let rows = rows + 5 * self.waits.len() as u64 + self.records.len() as u64;
        let calls = self.calls.iter().map(|again| again.call.size() as u64);
        let records = self.records.iter();
        let records = records.map(|(_, record)| record.encode().len() as u64);
        let bytes = calls.sum::<u64>() + records.sum::<u64>() + rows * 4 * SMALL_ROW;
        let lines = LINES as u64 + 8;
        RUN.and(RUN)
            .and(failed_try::COST)
            .and(Extent::new(rows + lines, bytes + (64 << 10)))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<RetriedFailed, ReadError> {
        let parent = match self.refuse(write)? {
            Ok(parent) => parent,
            Err(refused) => return Ok(refused),
        };
        if self.dry_run {
            return Ok(RetriedFailed::Could);
        }
        let sequence = write.sequence();
        let Some(mut run) = write.run(self.run)? else {
            return Ok(RetriedFailed::Unknown);
        };
        let open = run.all_open()?;
        for (number, _) in &open {
            // The operations that were not frozen yet.
            run.freeze_operation(*number)?;
        }
        let Some(failed) = take_back(&mut run)? else {
            return Ok(RetriedFailed::NotFailed(run.state().status));
        };
        let mut calls = Vec::new();
        for (number, open) in open {
            let again = Thaw {
                failed,
                sequence,
                in_flight: self.in_flight.contains(&number),
            };
            calls.extend(again.thaw(&mut run, number, open)?);
        }
        for again in &self.calls {
            calls.push((again.operation, call_again(&mut run, again)?));
        }
        self.write_records(&mut run)?;
        set_version(&mut run, self.version, self.limits)?;
        set_time(&mut run)?;
        run.release(Some(failed))?;
        let is_old_end_told = forget_end(&mut run)?;
        let is_releasing = run.state().children > 0;
        let ordering = self.wait_again(write)? || is_releasing;
        if let Some(parent) = parent.filter(|_| is_old_end_told) {
            count_child_again(write, parent)?;
        }
        let status = write.run(self.run)?.map(|run| run.state().status);
        Ok(
            status.map_or(RetriedFailed::Unknown, |status| RetriedFailed::Now {
                status,
                calls,
                ordering,
            }),
        )
    }
}

impl RetryFailed {
    /// Checks everything before anything is written. Returns the run that started it.
    fn refuse(
        &self,
        write: &mut Write<'_>,
    ) -> Result<Result<Option<RunId>, RetriedFailed>, ReadError> {
        let Some(run) = write.run(self.run)? else {
            return Ok(Err(RetriedFailed::Unknown));
        };
        let state = run.state();
        if !state.is_frozen() {
            return Ok(Err(RetriedFailed::NotFailed(state.status)));
        }
        if (state.activations, state.tries) != (self.activations, self.tries) {
            return Ok(Err(RetriedFailed::Moved));
        }
        if run.is_deferring()? {
            return Ok(Err(RetriedFailed::Moved));
        }
        for (number, _) in run.all_open()? {
            if !self.in_flight.contains(&number) && is_once_in_doubt(&run, number)? {
                return Ok(Err(RetriedFailed::AtMostOnce(number)));
            }
        }
        let parent = match refuse_told(write, self.run, self.anyway || self.is_of_parent)? {
            ParentTold::Yes(parent) => return Ok(Err(RetriedFailed::FailureTold(parent))),
            ParentTold::No(parent) => parent,
        };
        if !self.anyway
            && let Some(running) = handler::running(write, self.run)?
        {
            return Ok(Err(RetriedFailed::HandlerRunning(running)));
        }
        Ok(Ok(parent))
    }

    fn write_records(&self, run: &mut RunWrite<'_>) -> Result<(), ReadError> {
        for (number, record) in &self.records {
            let key = run.record_key(*number);
            let before = journal::TABLE.size(run.rows, key)?.unwrap_or_default() as u64;
            let record = record.encode();
            journal::TABLE.put_encoded(run.rows, key, &record)?;
            let state = run.state_mut();
            let others = state.journal_bytes.saturating_sub(before);
            state.journal_bytes = others.saturating_add(record.len() as u64);
        }
        Ok(())
    }

    /// Makes waits for other runs again. Returns true if orders were written for that.
    fn wait_again(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let workflow = write.run(self.run)?.map(|run| run.state().workflow.clone());
        let asking = (self.run, workflow.as_deref().unwrap_or_default());
        let mut ordering = false;
        for (operation, kind) in &self.waits {
            let Kind::WaitForRun { run: target, .. } = kind else {
                continue;
            };
            if let Some(mut run) = write.run(self.run)? {
                run.drop_result(*operation)?;
                change_kind(&mut run, *operation, kind)?;
            }
            ordering |= family::wait(write, asking, *operation, target.parse().ok())?;
        }
        Ok(ordering)
    }
}

/// Tells whether the run that started a failed run was told of the failure.
pub(super) enum ParentTold {
    /// This run started it, was told, and has not failed itself; or it has ended, and asked the runs that it had started to
    /// cancel.
    Yes(RunId),
    /// The run that started it was not told. None if no run started it.
    No(Option<RunId>),
}

/// Returns whether the run that started a run has acted on the failure of the latter, or may have.
pub(super) fn refuse_told(
    write: &mut Write<'_>,
    id: RunId,
    anyway: bool,
) -> Result<ParentTold, ReadError> {
    let Some(run) = write.run(id)? else {
        return Ok(ParentTold::No(None));
    };
    let frozen = run.state().frozen.clone();
    let stored = runs::TABLE.get(run.rows, id)?;
    let parent = stored.and_then(|stored| stored.run.parent);
    if let (Some(parent), Some(frozen)) = (&parent, frozen.filter(|_| !anyway)) {
        let (has_failed, has_gone) = match write.run(parent.run)? {
            Some(above) => (above.state().is_frozen(), above.state().is_gone()),
            None => (false, true),
        };
        let is_told = frozen.parent_told && !has_failed;
        let ends_with_it = has_gone && parent.when_parent_ends == WhenParentEnds::Cancel;
        if is_told || ends_with_it {
            return Ok(ParentTold::Yes(parent.run));
        }
    }
    Ok(ParentTold::No(parent.map(|parent| parent.run)))
}

/// Counts a run as alive again, for the run that started it.
pub(super) fn count_child_again(write: &mut Write<'_>, parent: RunId) -> Result<(), ReadError> {
    if let Some(mut parent) = write.run(parent)?
        && !parent.state().is_gone()
    {
        let state = parent.state_mut();
        state.children = state.children.saturating_add(1);
    }
    Ok(())
}

/// Sets the version of a run, and gives it those of the host's limits that are larger than its own.
pub(super) fn set_version(
    run: &mut RunWrite<'_>,
    version: VersionId,
    limits: GuestLimits,
) -> Result<(), ReadError> {
    let id = run.id;
    let Some(mut stored) = runs::TABLE.get(run.rows, id)? else {
        return Ok(());
    };
    let before = (stored.run.version, stored.run.limits);
    stored.run.version = version;
    let own = &mut stored.run.limits;
    own.memory = own.memory.max(limits.memory);
    if before != (stored.run.version, stored.run.limits) {
        runs::TABLE.put(run.rows, id, &stored)?;
    }
    Ok(())
}

impl RunWrite<'_> {
    /// Returns the operations that have not completed.
    pub(super) fn all_open(&self) -> Result<Vec<(OperationNumber, Open)>, ReadError> {
        let table = &crate::tables::open::TABLE;
        self.loaded.open.all(table, self.rows, self.id, usize::MAX)
    }
}

/// Puts the run back to before the activation in which it failed. Returns when it failed.
fn take_back(run: &mut RunWrite<'_>) -> Result<Option<Time>, ReadError> {
    let (id, now) = (run.id, run.now);
    let state = run.state_mut();
    let Some(frozen) = state.frozen.take() else {
        return Ok(None);
    };
    let failed = state.ended.take().unwrap_or(now);
    if let Some(before) = frozen.before {
        state.take_back(before);
        let number = state.activations;
        let key = run.record_key(number);
        let taken_back = journal::TABLE.take(run.rows, key)?;
        if let Some(taken_back) = &taken_back {
            failed_try::keep_taken_back(run, (number, taken_back), failed)?;
        }
        let lines = between((id, number, 0), (id, u32::MAX, u32::MAX));
        for line in logs::TABLE.keys(run.rows, lines, false, LINES)? {
            logs::TABLE.remove(run.rows, line)?;
        }
    }
    let activated = run.state().activations > 0;
    // The caller has checked that the run has failed.
    let _ = run.transition(Transition::Retried { activated });
    let state = run.state_mut();
    state.tries = state.tries.saturating_add(1);
    state.failure = None;
    state.backtrace = None;
    state.untaken = state.dropped;
    Ok(Some(failed))
}

/// Gives the run its full timeout again, and the full grace period of a request to cancel.
pub(super) fn set_time(run: &mut RunWrite<'_>) -> Result<(), ReadError> {
    let (id, now) = (run.id, run.now);
    let stored = runs::TABLE.get(run.rows, id)?;
    let parent = stored.and_then(|stored| stored.run.parent);
    if let Some(timeout) = parent.and_then(|parent| parent.timeout) {
        run.state_mut().timed_from = Some(now);
        Expiring::Timeout(id).add(run.rows, now.after(timeout))?;
    }
    if let Some(asked) = &mut run.state_mut().cancel {
        let (before, grace) = (asked.until, asked.until.0.saturating_sub(asked.at.0));
        let until = now.after(grace);
        asked.until = until;
        Expiring::Grace(id).remove(run.rows, before)?;
        Expiring::Grace(id).add(run.rows, until)?;
    }
    Ok(())
}

/// Removes the orders of the run's end that are not carried out yet. Returns true if the run that started it has been
/// told of the end.
pub(super) fn forget_end(run: &mut RunWrite<'_>) -> Result<bool, ReadError> {
    let id = run.id;
    orders::TABLE.remove(run.rows, (id, orders::GIVE_UP))?;
    let ended = orders::TABLE.take(run.rows, (id, orders::ENDED))?;
    Ok(match ended {
        Some(Order::Ended { parent_told, .. }) => parent_told,
        _ => true,
    })
}

/// Makes a call again that had a result.
fn call_again(run: &mut RunWrite<'_>, again: &CallAgain) -> Result<Attempts, ReadError> {
    let key = (run.id, again.operation);
    run.drop_result(again.operation)?;
    change_kind(run, again.operation, &again.kind)?;
    let attempts = Attempts {
        scheduled: 1,
        next: run.now,
    };
    let bounds = Bounds::new(again.call.retry, run.now);
    let call = NewCallRows::new(again.call.clone());
    calls::put(run.rows, key, attempts, bounds, &call)?;
    if again.repeats > 0 {
        repeats::TABLE.put(run.rows, key, &Repeats::new(again.repeats))?;
    }
    Ok(attempts)
}

/// Gives an operation that is done again the arguments that the code has for it now.
fn change_kind(
    run: &mut RunWrite<'_>,
    operation: OperationNumber,
    kind: &Kind,
) -> Result<(), ReadError> {
    match run.open(operation)? {
        Some(open) if open.kind != *kind => {
            timers::remove(run.rows, run.id, operation, &open)?;
            let kind = kind.clone();
            let open = Open { kind, ..open };
            timers::add(run.rows, run.id, operation, &open)?;
            run.replace_open(operation, open)
        }
        _ => Ok(()),
    }
}
