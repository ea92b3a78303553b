//! Taking a run back to before one of its steps was answered.
//!
//! What it gets again is prepared first, in rows that nobody looks at. One small commit takes the run back: its journal goes on
//! in another branch, and what is to be restored is ordered. That is done in pieces (`restore.rs`); until it is, nothing of the
//! run is executed. So a crash leaves the run as it was, or has it restored by the next start.

use dormouse_journal::{
    GuestLimits, Kind, OperationNumber, RunId, Status, Time, Transition, VersionId,
};

use super::retry::{self, Told};
use super::run::RunWrite;
use super::thaw::is_once_in_doubt;
use super::{Lane, RUN, SMALL_ROW, Transaction, Write, handler};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::expiries::Expiring;
use crate::tables::orders::{self, Order, Stage, TakingBack};
use crate::tables::{Branch, PastTry, Restore, restores, tries};

/// How long what was prepared is kept when it is not used, in milliseconds.
const KEPT: u64 = 600_000;

/// How many branches a journal may have. A run's row has all of them.
const BRANCHES: usize = 256;

/// Prepares a part of what a run gets again that is about to be taken back.
pub(crate) struct PrepareBack {
    pub(crate) run: RunId,
    pub(crate) tries: u32,
    /// The number of the first row.
    pub(crate) first: u32,
    pub(crate) rows: Vec<Vec<u8>>,
}

impl PrepareBack {
    pub(crate) fn new(run: RunId, tries: u32, first: u32, rows: &[Restore]) -> Self {
        let rows = rows.iter().map(|row| restores::TABLE.encode(row)).collect();
        PrepareBack {
            run,
            tries,
            first,
            rows,
        }
    }
}

impl Transaction for PrepareBack {
    /// False if the run has moved on.
    type Output = bool;

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn cost(&self) -> Extent {
        let bytes: usize = self.rows.iter().map(Vec::len).sum();
        RUN.and(Extent::new(
            self.rows.len() as u64 + 1,
            bytes as u64 + SMALL_ROW,
        ))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let now = write.now;
        let Some(run) = write.run(self.run)? else {
            return Ok(false);
        };
        if run.state().tries != self.tries || run.state().is_restoring {
            return Ok(false);
        }
        for (number, row) in (self.first..).zip(&self.rows) {
            restores::TABLE.put_encoded(run.rows, (self.run, number), row)?;
        }
        if self.first == 0 {
            let (id, tries) = (self.run, self.tries);
            let unused = Expiring::Restores { run: id, tries };
            unused.add(run.rows, now.after(KEPT))?;
        }
        Ok(true)
    }
}

/// Takes a run back, if it stands where whoever asks has seen it.
#[derive(Debug, Clone)]
pub struct TakeBack {
    /// The run.
    pub run: RunId,
    /// How many activations are in its journal.
    pub activations: u32,
    /// How often it was retried or moved before.
    pub tries: u32,
    /// How many activations stay.
    pub keep: u32,
    /// How many operations these have made.
    pub operations: u32,
    /// How large their records are.
    pub journal_bytes: u64,
    /// The step that it is taken back to.
    pub step: (OperationNumber, String),
    /// How many rows were prepared.
    pub restores: u32,
    /// The version that it goes on with.
    pub version: VersionId,
    /// The host's limits. The run gets those that are larger than its own.
    pub limits: GuestLimits,
    /// Calls of which an attempt is under way now.
    pub in_flight: Vec<OperationNumber>,
    /// Also if the run that started it was told of its failure, or a run that its failure started goes on.
    pub anyway: bool,
    /// True if it is only asked whether the run could be taken back.
    pub dry_run: bool,
}

/// What came of taking a run back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenBack {
    /// It is taken back, and goes on when all is restored.
    Now(Status),
    /// It could be taken back.
    Could,
    /// It has moved on meanwhile, or is being restored.
    Moved,
    /// It has ended otherwise than by a failure, or was given up.
    Ended(Status),
    /// This call may be made once, nobody knows whether it was, and it would be made again.
    AtMostOnce(OperationNumber),
    /// This run started it, and has not failed itself.
    FailureTold(RunId),
    /// Its failure has started this run, which goes on, or is about to start one.
    HandlerRunning(Option<RunId>),
    /// It was taken back too often.
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
        RUN.and(RUN).and(Extent::new(13, row + 13 * SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<TakenBack, ReadError> {
        let parent = match self.refuse(write)? {
            Ok(parent) => parent,
            Err(refused) => return Ok(refused),
        };
        if self.dry_run {
            return Ok(TakenBack::Could);
        }
        let Some(mut run) = write.run(self.run)? else {
            return Ok(TakenBack::Unknown);
        };
        let was_frozen = run.state().is_frozen();
        let failed = self.set_aside(&mut run)?;
        retry::set_version(&mut run, self.version, self.limits)?;
        let mut is_old_end_told = false;
        if was_frozen {
            retry::set_time(&mut run)?;
            run.release(failed)?;
            is_old_end_told = retry::forget_end(&mut run)?;
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
        let status = run.state().status;
        if let Some(parent) = parent.filter(|_| is_old_end_told) {
            retry::adopt_again(write, parent)?;
        }
        Ok(TakenBack::Now(status))
    }
}

impl TakeBack {
    /// Checks everything before anything is written. Returns the run that started it.
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
        match retry::refuse_told(write, self.run, self.anyway)? {
            Told::Parent(parent) => Ok(Err(TakenBack::FailureTold(parent))),
            Told::No(parent) => {
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

    /// Returns a call of a failed run that stays open, may be made once, and of which nobody knows whether it was.
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
        // Whatever is made from here on is later than all that was set aside.
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
