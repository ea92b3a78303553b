//! Pauses and resumes a run, a workflow or the host.
//!
//! A pause writes one small commit, however many runs it concerns. From then on, no activation of these runs is
//! committed. Work of theirs that comes due is set aside when it is found ([`SetAside`]), and is then in no table that
//! is scanned. After a resume it is put back in pieces, from a stored cursor ([`PutBackNext`]), so that a kill in
//! between loses nothing. Work of a run that is still paused by something else stays set aside.

use std::ops::Bound::{self, Excluded, Unbounded};

use dormouse_journal::{OperationNumber, RunId, Status};

use super::{Lane, RUN, SMALL_ROW, Transaction, Write, held};
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::keys::MinMax;
use crate::rows::table::after;
use crate::tables::expiries::Expiring;
use crate::tables::resuming::{self, Resuming};
use crate::tables::set_aside::{self, Aside};
use crate::tables::{PausedBy, calls, due, pauses, runs_by_status, timers, workflows};
use crate::views::OutstandingCall;

/// The number of works that one piece puts back. Each may change a run.
const PIECE: usize = 128;

/// The size of the runs' rows that one piece touches, in bytes. A single row may be larger.
const MOST_ROW_BYTES: u64 = 1 << 20;

/// What can be paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pausable {
    /// A run.
    Run(RunId),
    /// A workflow, with all its runs.
    Workflow(String),
    /// The host, with all runs.
    Host,
}

impl Pausable {
    /// Returns the key under which its work is put back, if the run or the workflow exists.
    fn key(&self, write: &mut Write<'_>) -> Result<Option<resuming::Key>, ReadError> {
        Ok(match self {
            Pausable::Run(id) => {
                let run = write.run(*id)?;
                run.map(|run| (run.state().workflow.clone(), *id))
            }
            Pausable::Workflow(name) => {
                let exists = workflows::TABLE.has(&write.rows, name.as_str())?;
                exists.then(|| (name.clone(), RunId::MIN))
            }
            Pausable::Host => Some((String::new(), RunId::MIN)),
        })
    }
}

/// Pauses a run, a workflow or the host.
pub(crate) struct SetPause(pub(crate) Pausable);

/// The result of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// It is paused now.
    Now,
    /// It was paused before.
    Before,
    /// The run has ended.
    Ended(Status),
    /// The run or the workflow does not exist.
    Unknown,
}

impl Transaction for SetPause {
    type Output = Paused;

    fn is_housekeeping(&self) -> bool {
        true
    }

    fn cost(&self) -> Extent {
        RUN.and(Extent::new(3, 64 << 10))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Paused, ReadError> {
        let Some(key) = self.0.key(write)? else {
            return Ok(Paused::Unknown);
        };
        let now = write.now;
        if let Pausable::Run(id) = self.0
            && let Some(run) = write.run(id)?
            && run.state().status.has_ended()
        {
            return Ok(Paused::Ended(run.state().status));
        }
        let rows = &mut write.rows;
        let is_new = match &self.0 {
            Pausable::Run(id) => {
                let is_new = !pauses::RUNS.has(rows, *id)?;
                if is_new {
                    pauses::RUNS.put(rows, *id, &pauses::Since(now))?;
                    pauses::change(rows, |pauses| pauses.runs += 1)?;
                }
                is_new
            }
            Pausable::Workflow(name) => {
                let mut is_new = false;
                pauses::change(rows, |pauses| {
                    is_new = !pauses.workflows.contains_key(name);
                    pauses.workflows.entry(name.clone()).or_insert(now);
                })?;
                is_new
            }
            Pausable::Host => {
                let mut is_new = false;
                pauses::change(rows, |pauses| {
                    is_new = pauses.host.is_none();
                    pauses.host.get_or_insert(now);
                })?;
                is_new
            }
        };
        resuming::TABLE.remove(rows, key)?;
        Ok(if is_new { Paused::Now } else { Paused::Before })
    }
}

/// Resumes a run, a workflow or the host.
pub(crate) struct Unpause(pub(crate) Pausable);

/// The result of a resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpaused {
    /// It is no longer paused itself. A run may still be paused by something else.
    Now(Option<PausedBy>),
    /// It was not paused itself. A run may be paused by something else.
    WasNot(Option<PausedBy>),
    /// The run or the workflow does not exist.
    Unknown,
}

impl Transaction for Unpause {
    type Output = Unpaused;

    fn cost(&self) -> Extent {
        RUN.and(Extent::new(4, 64 << 10))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Unpaused, ReadError> {
        let Some(key) = self.0.key(write)? else {
            return Ok(Unpaused::Unknown);
        };
        let rows = &mut write.rows;
        let mut was = false;
        match &self.0 {
            Pausable::Run(id) => was = pauses::forget(rows, *id)?,
            Pausable::Workflow(name) => pauses::change(rows, |pauses| {
                was = pauses.workflows.remove(name).is_some();
            })?,
            Pausable::Host => pauses::change(rows, |pauses| was = pauses.host.take().is_some())?,
        }
        let still = match self.0 {
            Pausable::Run(id) => pauses::of(rows, id, &key.0)?.map(|pause| pause.by),
            _ => None,
        };
        if !was {
            return Ok(Unpaused::WasNot(still));
        }
        if let Pausable::Run(id) = self.0
            && let Some(mut run) = write.run(id)?
        {
            run.release(None)?;
        }
        let rows = &mut write.rows;
        let aside = set_aside::TABLE.keys(rows, range(&key), false, 1)?;
        if !aside.is_empty() {
            resuming::TABLE.put(rows, key, &Resuming::default())?;
        }
        Ok(Unpaused::Now(still))
    }
}

/// Work that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A run can go on.
    Run(RunId),
    /// The deadline of an operation has passed.
    Timer(RunId, OperationNumber),
    /// The next attempt of a call is due.
    Call(RunId, OperationNumber),
}

impl Due {
    /// Returns the run that the work belongs to.
    #[must_use]
    pub fn run(self) -> RunId {
        match self {
            Due::Run(run) | Due::Timer(run, _) | Due::Call(run, _) => run,
        }
    }
}

/// Sets aside the work of paused runs.
pub(crate) struct SetAside(pub(crate) Vec<Due>);

impl Transaction for SetAside {
    /// The works whose runs are not paused.
    type Output = Vec<Due>;

    fn lane(&self) -> Lane {
        Lane::Upkeep
    }

    fn cost(&self) -> Extent {
        let each = RUN.and(Extent::new(4, 3 * SMALL_ROW));
        let count = self.0.len() as u64;
        Extent::new(each.rows * count, each.bytes * count)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Vec<Due>, ReadError> {
        let mut others = Vec::new();
        for work in &self.0 {
            if !set_aside_one(write, *work)? {
                others.push(*work);
            }
        }
        Ok(others)
    }
}

/// Sets a work aside, if it is still there. Returns false if its run is neither paused nor held.
fn set_aside_one(write: &mut Write<'_>, work: Due) -> Result<bool, ReadError> {
    let Some(run) = write.run(work.run())? else {
        return Ok(true);
    };
    let state = run.state();
    if state.status.has_ended() {
        return Ok(true);
    }
    let (id, workflow, status) = (run.id, state.workflow.clone(), state.status);
    if held::is_paused_or_held(write, id, &workflow)?.is_none() {
        return Ok(false);
    }
    let Some(run) = write.run(id)? else {
        return Ok(true);
    };
    let aside = match work {
        Due::Run(_) => {
            if !due::TABLE.remove(run.rows, id)? {
                return Ok(true);
            }
            if status == Status::Pending {
                runs_by_status::TABLE.add(run.rows, (runs_by_status::PENDING_ASIDE, id))?;
            }
            Aside::Due
        }
        Due::Timer(_, operation) => {
            let Some(open) = run.open(operation)? else {
                return Ok(true);
            };
            timers::remove(run.rows, id, operation, &open)?;
            Aside::Timer(operation)
        }
        Due::Call(_, operation) => {
            let Some(row) = calls::TABLE.take(run.rows, (id, operation))? else {
                return Ok(true);
            };
            calls::ASIDE.put(run.rows, (id, operation), &row)?;
            Aside::Call(operation)
        }
    };
    aside.add(run.rows, &workflow, id)?;
    Ok(true)
}

/// Puts back the next piece of work that was set aside for runs which were resumed.
pub(crate) struct PutBackNext {
    /// The key that had the last turn.
    pub(crate) last: Option<resuming::Key>,
}

/// The result of putting back a piece.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PutBack {
    /// Runs that have something to do now.
    pub woken: Vec<RunId>,
    /// Calls whose next attempt is due.
    pub calls: Vec<OutstandingCall>,
    /// The key that had the last turn.
    pub last: Option<(String, RunId)>,
    /// True if there may be more.
    pub more: bool,
}

impl Transaction for PutBackNext {
    type Output = PutBack;

    fn lane(&self) -> Lane {
        Lane::Upkeep
    }

    fn cost(&self) -> Extent {
        let each = RUN.and(Extent::new(4, 3 * SMALL_ROW));
        let count = PIECE as u64;
        Extent::new(each.rows * count + 1, each.bytes * count + SMALL_ROW)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<PutBack, ReadError> {
        let Some(turn) = next_turn(write, self.last.as_ref())? else {
            return Ok(PutBack::default());
        };
        let mut piece = PutBack {
            last: Some(turn.clone()),
            more: true,
            ..PutBack::default()
        };
        let resuming = resuming::TABLE.get(&write.rows, turn.clone())?;
        let mut cursor = resuming.unwrap_or_default().cursor;
        let (first, last) = range(&turn);
        let first = cursor.clone().map_or(first, Excluded);
        let keys = set_aside::TABLE.keys(&write.rows, (first, last), false, PIECE)?;
        let mut is_end = keys.len() < PIECE;
        let touched = write.loaded_bytes().saturating_add(MOST_ROW_BYTES);
        for key in keys {
            if write.loaded_bytes() > touched {
                is_end = false;
                break;
            }
            put_back_one(write, &key, &mut piece)?;
            cursor = Some(key);
        }
        match is_end {
            true => drop(resuming::TABLE.remove(&mut write.rows, turn)?),
            false => resuming::TABLE.put(&mut write.rows, turn, &Resuming { cursor })?,
        }
        Ok(piece)
    }
}

/// Returns the range of the work that was set aside for this key.
fn range((workflow, run): &resuming::Key) -> (Bound<set_aside::Key>, Bound<set_aside::Key>) {
    match (workflow.as_str(), *run) {
        ("", _) => (Unbounded, Unbounded),
        (workflow, RunId::MIN) => set_aside::of_workflow(workflow),
        (workflow, run) => set_aside::of_run(workflow, run),
    }
}

/// Returns the key that has the next turn: the first after `last`, or the first of all.
fn next_turn(
    write: &Write<'_>,
    last: Option<&resuming::Key>,
) -> Result<Option<resuming::Key>, ReadError> {
    let behind = after(last.cloned());
    let mut first = resuming::TABLE.keys(&write.rows, behind, false, 1)?;
    if first.is_empty() {
        first = resuming::TABLE.keys(&write.rows, resuming::TABLE.all(), false, 1)?;
    }
    Ok(first.pop())
}

/// Puts back a work of a run, unless the run is still paused or held. A work that has become useless is removed.
fn put_back_one(
    write: &mut Write<'_>,
    key: &set_aside::Key,
    piece: &mut PutBack,
) -> Result<(), ReadError> {
    let now = write.now;
    let (workflow, id, aside) = (key.0.as_str(), key.1, Aside::from_key(&key.2)?);
    let Some(run) = write.run(id)? else {
        set_aside::TABLE.remove(&mut write.rows, key.clone())?;
        return Ok(());
    };
    let has_ended = run.state().status.has_ended();
    if !has_ended && held::is_paused_or_held(write, id, workflow)?.is_some() {
        return Ok(());
    }
    let Some(mut run) = write.run(id)? else {
        return Ok(());
    };
    set_aside::TABLE.remove(run.rows, key.clone())?;
    if has_ended {
        return Ok(());
    }
    let expiring = match aside {
        Aside::Due => {
            let pending = (runs_by_status::PENDING_ASIDE, id);
            runs_by_status::TABLE.remove(run.rows, pending)?;
            if run.state().is_due() {
                due::TABLE.add(run.rows, id)?;
                piece.woken.push(id);
            }
            None
        }
        Aside::Timer(operation) => {
            if let Some(open) = run.open(operation)?.filter(|open| !open.abandoned) {
                timers::add(run.rows, id, operation, &open)?;
                piece.woken.push(id);
            }
            None
        }
        Aside::Call(operation) => {
            if let Some(row) = calls::ASIDE.take(run.rows, (id, operation))? {
                calls::TABLE.put(run.rows, (id, operation), &row)?;
                piece.calls.push(OutstandingCall {
                    run: id,
                    workflow: workflow.into(),
                    operation,
                    attempts: row.attempts,
                    bounds: row.bounds,
                });
            }
            None
        }
        // The run learns of the cancel only now, so its whole grace period is left.
        Aside::Grace => run.state_mut().cancel.as_mut().map(|asked| {
            let grace = asked.until.0.saturating_sub(asked.at.0);
            asked.until = now.after(grace);
            (Expiring::Grace(id), asked.until)
        }),
        Aside::Timeout => Some((Expiring::Timeout(id), now)),
        Aside::Broken { tries } => Some((Expiring::Broken { run: id, tries }, now)),
    };
    if let Some((expiring, time)) = expiring {
        expiring.add(run.rows, time)?;
    }
    Ok(())
}
