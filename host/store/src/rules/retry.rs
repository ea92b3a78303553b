//! Retries a failed run: the activation in which it failed is taken back, operations with a bad answer are done again,
//! and its open operations wait again with the time that they had left.
//!
//! If that is too much for one commit, the commit decides it, and the rest is written in pieces (`retried.rs`).

use dormouse_journal::{
    Activation, GuestLimits, Kind, Open, OperationNumber, RunId, Status, Time, Transition,
    VersionId,
};

use super::clearing::OPERATION;
use super::prepare_back::PrepareBack;
use super::run::RunWrite;
use super::thaw::{Thaw, is_once_in_doubt};
use super::undo_end::{self, ParentTold};
use super::{Lane, RUN, SMALL_ROW, Transaction, Write, again, failed_try, handler};
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::table::between;
use crate::tables::orders::{self, Order, RetryStage, Retrying};
use crate::tables::unsettled::Unsettled;
use crate::tables::{Attempts, Call, Restore, journal, logs, restores, unsettled};

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

/// The most that a retry writes in its own commit, besides the log lines that it removes. Other writes of the same group find
/// room beside it.
const AT_ONCE: Extent = Extent {
    rows: 2_048,
    bytes: 8 << 20,
};

/// A retry, and how it is written.
pub(crate) struct Retry {
    asked: RetryFailed,
    /// The number of rows that were prepared in `restores`, if the retry is written in pieces (`retried.rs`). None if its
    /// commit writes everything.
    prepared: Option<u32>,
}

impl Retry {
    /// A retry that one commit writes.
    pub(crate) fn at_once(asked: RetryFailed) -> Self {
        Retry {
            asked,
            prepared: None,
        }
    }

    /// A retry that is written in pieces, and the commits that prepare it.
    pub(crate) fn in_pieces(
        mut asked: RetryFailed,
    ) -> (Self, impl Iterator<Item = PrepareBack> + use<>) {
        let restores = asked.take_restores();
        let prepared = Some(u32::try_from(restores.len()).unwrap_or(u32::MAX));
        let batches = PrepareBack::in_batches(asked.run, asked.tries, restores);
        (Retry { asked, prepared }, batches)
    }
}

impl Transaction for Retry {
    type Output = RetriedFailed;

    fn lane(&self) -> Lane {
        Lane::Run(self.asked.run)
    }

    fn cost(&self) -> Extent {
        let once = match self.prepared {
            None if !self.asked.dry_run => self.asked.cost(),
            _ => Extent::default(),
        };
        let lines = LINES as u64 + 10;
        let more = Extent::new(lines, 64 << 10);
        RUN.and(RUN).and(failed_try::COST).and(once).and(more)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<RetriedFailed, ReadError> {
        let asked = &self.asked;
        let parent = match asked.refuse(write)? {
            Ok(parent) => parent,
            Err(refused) => return Ok(refused),
        };
        let since = write.sequence();
        let Some(mut run) = write.run(asked.run)? else {
            return Ok(RetriedFailed::Unknown);
        };
        if !self.is_prepared(&run)? {
            return Ok(RetriedFailed::Moved);
        }
        if asked.dry_run {
            return Ok(RetriedFailed::Could);
        }
        let open = self.freeze_rest(&mut run)?;
        let Some(failed) = take_back(&mut run)? else {
            return Ok(RetriedFailed::NotFailed(run.state().status));
        };
        undo_end::set_version(&mut run, asked.version, asked.limits)?;
        undo_end::set_time(&mut run)?;
        run.release(Some(failed))?;
        let is_old_end_told = undo_end::forget_end(&mut run)?;
        let mut ordering = run.state().children > 0;
        let mut calls = Vec::new();
        if let Some(restores) = self.prepared {
            self.order_pieces(&mut run, failed, since, restores)?;
            ordering = true;
        } else {
            calls = asked.thaw(&mut run, open, failed, since)?;
            ordering |= asked.again(write, &mut calls)?;
        }
        if let Some(parent) = parent.filter(|_| is_old_end_told) {
            undo_end::count_child_again(write, parent)?;
        }
        let status = write.run(asked.run)?.map(|run| run.state().status);
        Ok(
            status.map_or(RetriedFailed::Unknown, |status| RetriedFailed::Now {
                status,
                calls,
                ordering,
            }),
        )
    }
}

impl Retry {
    /// Returns true if everything that is written later was prepared.
    fn is_prepared(&self, run: &RunWrite<'_>) -> Result<bool, ReadError> {
        match self.prepared.and_then(|restores| restores.checked_sub(1)) {
            Some(last) => Ok(restores::TABLE.has(run.rows, (run.id, 0))?
                && restores::TABLE.has(run.rows, (run.id, last))?),
            None => Ok(true),
        }
    }

    /// Freezes the operations that were not frozen yet. Returns all open operations. For a retry in pieces, this was done
    /// before.
    fn freeze_rest(
        &self,
        run: &mut RunWrite<'_>,
    ) -> Result<Vec<(OperationNumber, Open)>, ReadError> {
        if self.prepared.is_some() {
            return Ok(Vec::new());
        }
        let open = run.all_open()?;
        for (number, _) in &open {
            run.freeze_operation(*number)?;
        }
        Ok(open)
    }

    /// Orders the pieces of a retry.
    fn order_pieces(
        &self,
        run: &mut RunWrite<'_>,
        failed: Time,
        since: u64,
        restores: u32,
    ) -> Result<(), ReadError> {
        let order = Order::Retry(Retrying {
            failed,
            at: run.now,
            in_flight: self.asked.in_flight.clone(),
            restores,
            next: RetryStage::Open(OperationNumber(0)),
        });
        orders::put(run.rows, run.id, orders::RETRY, &order)?;
        unsettled::TABLE.put(run.rows, run.id, &Unsettled { since })?;
        run.state_mut().is_restoring = true;
        Ok(())
    }
}

impl RetryFailed {
    /// Returns true if it has too much for one commit.
    #[must_use]
    pub fn is_large(&self) -> bool {
        !self.cost().is_within(AT_ONCE)
    }

    /// Returns the most that it writes for open operations and records: for each open operation, four more rows for each
    /// call that is made again, the waits that are made again, and the records.
    fn cost(&self) -> Extent {
        let rows = 2 * OPERATION * self.open + 5 * self.calls.len() as u64;
        let rows = rows + 5 * self.waits.len() as u64 + self.records.len() as u64;
        let calls = self.calls.iter().map(|again| again.call.size() as u64);
        let records = self.records.iter();
        let records = records.map(|(_, record)| record.encode().len() as u64);
        let bytes = calls.sum::<u64>() + records.sum::<u64>() + rows * 4 * SMALL_ROW;
        Extent::new(rows, bytes)
    }

    /// Takes out what is done again, as rows of `restores`.
    fn take_restores(&mut self) -> Vec<Restore> {
        let records = std::mem::take(&mut self.records).into_iter();
        let records = records.map(|(activation, record)| Restore::Record { activation, record });
        let waits = std::mem::take(&mut self.waits).into_iter();
        let waits = waits.map(|(operation, kind)| Restore::Again {
            operation,
            kind,
            call: None,
        });
        let calls = std::mem::take(&mut self.calls).into_iter();
        let calls = calls.map(|again| Restore::Again {
            operation: again.operation,
            kind: again.kind,
            call: Some((again.call, again.repeats)),
        });
        records.chain(waits).chain(calls).collect()
    }

    /// Lets the open operations wait again. Returns the calls whose next attempts are due.
    fn thaw(
        &self,
        run: &mut RunWrite<'_>,
        open: Vec<(OperationNumber, Open)>,
        failed: Time,
        sequence: u64,
    ) -> Result<Vec<(OperationNumber, Attempts)>, ReadError> {
        let mut calls = Vec::new();
        for (number, open) in open {
            let again = Thaw {
                failed,
                at: run.now,
                sequence,
                in_flight: self.in_flight.contains(&number),
            };
            let call = again.thaw(run, number, open)?;
            calls.extend(call.map(|(attempts, _)| (number, attempts)));
        }
        Ok(calls)
    }

    /// Does again what had a bad answer. Returns true if orders were written for that.
    fn again(
        &self,
        write: &mut Write<'_>,
        calls: &mut Vec<(OperationNumber, Attempts)>,
    ) -> Result<bool, ReadError> {
        let mut ordering = false;
        if let Some(mut run) = write.run(self.run)? {
            let at = run.now;
            for again in &self.calls {
                let (operation, repeats) = (again.operation, again.repeats);
                let call = (again.call.clone(), repeats);
                let (attempts, _) = again::call_again(&mut run, operation, &again.kind, call, at)?;
                calls.push((operation, attempts));
            }
            for (number, record) in &self.records {
                again::replace_record(&mut run, *number, record)?;
            }
        }
        for (operation, kind) in &self.waits {
            ordering |= again::wait_again(write, self.run, *operation, kind)?;
        }
        Ok(ordering)
    }

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
        if run.is_in_pieces()? {
            return Ok(Err(RetriedFailed::Moved));
        }
        for (number, open) in run.all_open()? {
            let is_call = matches!(open.kind, Kind::Call { .. });
            if is_call && !self.in_flight.contains(&number) && is_once_in_doubt(&run, number)? {
                return Ok(Err(RetriedFailed::AtMostOnce(number)));
            }
        }
        let parent = match undo_end::refuse_told(write, self.run, self.anyway || self.is_of_parent)?
        {
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
