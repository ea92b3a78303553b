//! Takes a run back to before one of its steps was answered.
//!
//! First, what the run gets back is prepared, in rows that nobody reads. One small commit takes the run back: its
//! journal continues in another branch, and the restoring is ordered. The restoring is done in pieces (`restore.rs`),
//! and until it is complete nothing of the run is executed. So after a crash the run is either as it was, or the next
//! start continues to restore it.

use dormouse_journal::{
    GuestLimits, Kind, OperationNumber, RunId, Status, Time, Transition, VersionId,
};

use super::run::RunWrite;
use super::thaw::is_once_in_doubt;
use super::undo_end::{self, ParentTold};
use super::{Lane, RUN, SMALL_ROW, Transaction, Write, handler};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::orders::{self, Order, Stage, TakingBack};
use crate::tables::unsettled::Unsettled;
use crate::tables::{Branch, PastTry, restores, tries, unsettled};

/// The largest number of branches of a journal. A run's row has all of them.
const BRANCHES: usize = 256;

/// Takes a run back, if it is still as the caller has seen it.
#[derive(Debug, Clone)]
pub struct TakeBack {
    /// The run.
    pub run: RunId,
    /// The number of activations in its journal.
    pub activations: u32,
    /// The number of times that it was retried or moved before.
    pub tries: u32,
    /// The number of activations that stay.
    pub keep: u32,
    /// The number of operations that the activations which stay have made.
    pub operations: u32,
    /// The size of the records that stay, in bytes.
    pub journal_bytes: u64,
    /// The step before whose answer the run is taken back.
    pub step: (OperationNumber, String),
    /// The number of rows that were prepared.
    pub restores: u32,
    /// The version that the run continues on.
    pub version: VersionId,
    /// The host's limits. If one is larger than the run's own, the run gets it.
    pub limits: GuestLimits,
    /// The calls with an attempt in flight.
    pub in_flight: Vec<OperationNumber>,
    /// True to take it back even if the run that started it was told of its failure, or if a run that was started for
    /// its failure has not ended.
    pub anyway: bool,
    /// True to check only whether the run could be taken back.
    pub dry_run: bool,
}

/// The result of taking a run back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenBack {
    /// The run is taken back, and goes on once everything is restored.
    Now(Status),
    /// The run could be taken back.
    Could,
    /// The run has moved on meanwhile, or is being restored.
    Moved,
    /// The run has ended without a failure, or was given up.
    Ended(Status),
    /// This call may be made only once, nobody knows whether it was made, and it would be made again.
    AtMostOnce(OperationNumber),
    /// This run started it, was told of its failure, and has not failed itself.
    FailureTold(RunId),
    /// This run was started for its failure and has not ended. None if it is about to be started.
    HandlerRunning(Option<RunId>),
    /// The run was taken back too often.
    TooOften,
    /// There is no such run.
    Unknown,
}

impl Transaction for TakeBack {
    type Output = TakenBack;

    fn lane(&self) -> Lane {
        Lane::Run(self.run)
    }

    fn cost(&self) -> Extent {
        let row = (BRANCHES as u64) * 10 + (64 << 10);
        RUN.and(RUN).and(Extent::new(14, row + 14 * SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<TakenBack, ReadError> {
        let parent = match self.refuse(write)? {
            Ok(parent) => parent,
            Err(refused) => return Ok(refused),
        };
        if self.dry_run {
            return Ok(TakenBack::Could);
        }
        let since = write.sequence();
        let Some(mut run) = write.run(self.run)? else {
            return Ok(TakenBack::Unknown);
        };
        let was_frozen = run.state().is_frozen();
        let failed = self.set_aside(&mut run)?;
        undo_end::set_version(&mut run, self.version, self.limits)?;
        let mut is_old_end_told = false;
        if was_frozen {
            undo_end::set_time(&mut run)?;
            run.release(failed)?;
            is_old_end_told = undo_end::forget_end(&mut run)?;
        }
        let order = Order::TakeBack(TakingBack {
            branch: run.state().tries,
            step: self.step.0,
            failed,
            in_flight: self.in_flight.clone(),
            restores: self.restores,
            next: Stage::Open(OperationNumber(u32::MAX)),
        });
        orders::put(run.rows, run.id, orders::TAKE_BACK, &order)?;
        unsettled::TABLE.put(run.rows, run.id, &Unsettled { since })?;
        let status = run.state().status;
        if let Some(parent) = parent.filter(|_| is_old_end_told) {
            undo_end::count_child_again(write, parent)?;
        }
        Ok(TakenBack::Now(status))
    }
}

impl TakeBack {
    /// Checks everything before anything is written. Returns the run that started this one.
    fn refuse(&self, write: &mut Write<'_>) -> Result<Result<Option<RunId>, TakenBack>, ReadError> {
        let Some(run) = write.run(self.run)? else {
            return Ok(Err(TakenBack::Unknown));
        };
        let state = run.state();
        if state.is_gone() {
            return Ok(Err(TakenBack::Ended(state.status)));
        }
        if (state.activations, state.tries) != (self.activations, self.tries) || state.is_restoring
        {
            return Ok(Err(TakenBack::Moved));
        }
        if run.is_in_pieces()? {
            return Ok(Err(TakenBack::Moved));
        }
        if state.branches.len() >= BRANCHES {
            return Ok(Err(TakenBack::TooOften));
        }
        if !self.dry_run && self.restores > 0 {
            for number in [0, self.restores - 1] {
                if !restores::TABLE.has(run.rows, (self.run, number))? {
                    return Ok(Err(TakenBack::Moved));
                }
            }
        }
        let is_frozen = state.is_frozen();
        if is_frozen && let Some(operation) = self.once(&run)? {
            return Ok(Err(TakenBack::AtMostOnce(operation)));
        }
        match undo_end::refuse_told(write, self.run, self.anyway)? {
            ParentTold::Yes(parent) => Ok(Err(TakenBack::FailureTold(parent))),
            ParentTold::No(parent) => {
                if !self.anyway
                    && is_frozen
                    && let Some(running) = handler::running(write, self.run)?
                {
                    return Ok(Err(TakenBack::HandlerRunning(running)));
                }
                Ok(Ok(parent))
            }
        }
    }

    /// Returns a call of a failed run that stays open, may be made only once, and may have been made.
    fn once(&self, run: &RunWrite<'_>) -> Result<Option<OperationNumber>, ReadError> {
        for (number, open) in run.all_open()? {
            let stays = number.0 < self.operations && number != self.step.0;
            if stays
                && matches!(open.kind, Kind::Call { .. })
                && !self.in_flight.contains(&number)
                && is_once_in_doubt(run, number)?
            {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Sets aside what came after the step. Returns when the run had failed, if it had.
    fn set_aside(&self, run: &mut RunWrite<'_>) -> Result<Option<Time>, ReadError> {
        let (id, now, keep) = (run.id, run.now, self.keep);
        let state = run.state_mut();
        let set_aside = PastTry {
            at: now,
            step: self.step.1.clone(),
            from: keep,
            until: state.activations,
            operations: state.operations,
            branches: state.branches.clone(),
            status: state.status,
            failure: state.failure.take(),
        };
        state.tries = state.tries.saturating_add(1);
        let number = state.tries;
        state.branches.retain(|branch| branch.from < keep);
        state.branches.push(Branch { from: keep, number });
        let failed = state.frozen.take().and(state.ended.take());
        state.activations = keep;
        state.operations = self.operations;
        state.journal_bytes = self.journal_bytes;
        // Everything that is made from here on gets a later time than all that was set aside.
        state.time = state.time.max(now).after(1);
        state.is_restoring = true;
        state.is_broken = false;
        state.backtrace = None;
        state.untaken = state.dropped;
        let activated = state.activations > 0;
        let _ = run.transition(Transition::TakenBack { activated });
        tries::TABLE.put(run.rows, (id, number), &set_aside)?;
        Ok(failed)
    }
}
