//! Runs that are held by a run above them, and how a hold ends.
//!
//! While a run has failed and may be retried, or is paused itself, it holds the runs that end with it, and those below them. No
//! activation of a held run is committed, and its work is set aside when it comes due, as the work of a paused run is.
//!
//! When the run above goes on, is given up or ends, an order goes down the family, one run after the other and in pieces. Waits
//! get the time that they had left when the run above failed, and what was set aside is put back. A run is held until the
//! order has passed it. If a run on the way holds runs itself, the runs below it stay held.

use std::ops::Bound;

use dormouse_journal::{Kind, OperationNumber, RunId, Time, WhenParentEnds};

use super::Write;
use super::run::RunWrite;
use crate::ReadError;
use crate::rows::keys::MinMax;
use crate::rows::table::between;
use crate::tables::held::{self, Link};
use crate::tables::orders::{self, Order, Release, ReleaseStage};
use crate::tables::resuming::{self, Resuming};
use crate::tables::{Pause, calls, children, event_waits, open, pauses, set_aside, timers};

/// Returns the hold of a run, as a kind of pause, if the run is held.
pub(super) fn of(write: &mut Write<'_>, id: RunId) -> Result<Option<Pause>, ReadError> {
    let is_child = write.run(id)?.is_some_and(|run| run.state().is_child);
    match is_child {
        true => held::of(id, |run| link(write, run)),
        // There is no run above this one.
        false => Ok(None),
    }
}

fn link(write: &mut Write<'_>, id: RunId) -> Result<Option<Link>, ReadError> {
    match write.run(id)? {
        Some(run) => held::link(run.rows, id, run.state()).map(Some),
        None => Ok(None),
    }
}

/// Returns true if nothing of the run may begin, because it is paused or held.
pub(super) fn is_paused_or_held(
    write: &mut Write<'_>,
    id: RunId,
    workflow: &str,
) -> Result<Option<Pause>, ReadError> {
    match pauses::of(&write.rows, id, workflow)? {
        Some(pause) => Ok(Some(pause)),
        None => of(write, id),
    }
}

impl RunWrite<'_> {
    /// Orders that the runs below this one, which it has held, go on. If the run had failed at this time, their waits get the
    /// time that they had left then.
    pub(super) fn release(&mut self, failed: Option<Time>) -> Result<(), ReadError> {
        if self.state().children == 0 {
            return Ok(());
        }
        let stopped_for = failed.map_or(0, |failed| self.now.0.saturating_sub(failed.0));
        let release = Release {
            failed,
            stopped_for,
            next: ReleaseStage::Children(None),
        };
        orders::put(
            self.rows,
            self.id,
            orders::RELEASE,
            &Order::Release(release),
        )
    }
}

/// The result of one step.
pub(super) enum Step {
    /// There are more steps.
    More,
    /// The run goes on.
    Over,
}

/// Does the next step of ending the hold of a run and of the runs below it.
pub(super) fn step(
    write: &mut Write<'_>,
    id: RunId,
    release: &mut Release,
) -> Result<Step, ReadError> {
    let Some(mut run) = write.run(id)? else {
        return Ok(Step::Over);
    };
    match release.next {
        ReleaseStage::Own(_) if run.state().status.has_ended() => Ok(Step::Over),
        ReleaseStage::Own(from) => {
            let next = match release.failed {
                Some(failed) => restore_deadline(&mut run, from, failed, release.stopped_for)?,
                None => None,
            };
            release.next = next.map_or(ReleaseStage::Children(None), ReleaseStage::Own);
            Ok(Step::More)
        }
        ReleaseStage::Children(_) if holds(&run)? => put_back(&mut run),
        ReleaseStage::Children(last) => {
            let Some(child) = next_child(&run, last)? else {
                return put_back(&mut run);
            };
            release.next = ReleaseStage::Children(Some(child.0));
            if child.1 == WhenParentEnds::Cancel {
                release_child(write, child.0, release)?;
            }
            Ok(Step::More)
        }
    }
}

/// Returns true if a run itself holds the runs below it, so that they do not go on.
fn holds(run: &RunWrite<'_>) -> Result<bool, ReadError> {
    Ok(run.state().is_frozen() || pauses::RUNS.has(run.rows, run.id)?)
}

fn next_child(
    run: &RunWrite<'_>,
    last: Option<RunId>,
) -> Result<Option<(RunId, WhenParentEnds)>, ReadError> {
    let id = run.id;
    let start = last.map_or(Bound::Included((id, RunId::MIN)), |last| {
        Bound::Excluded((id, last))
    });
    let range = (start, Bound::Included((id, RunId::MAX)));
    let next = children::TABLE.list(run.rows, range, 1)?;
    let next = next.into_iter().next();
    Ok(next.map(|((_, child), row)| (child, row.when_parent_ends)))
}

/// Orders that the hold of a run that this one started ends too.
fn release_child(write: &mut Write<'_>, child: RunId, release: &Release) -> Result<(), ReadError> {
    let Some(run) = write.run(child)? else {
        return Ok(());
    };
    if run.state().status.has_ended() {
        return Ok(());
    }
    let down = Release {
        next: ReleaseStage::Own(OperationNumber(0)),
        ..release.clone()
    };
    orders::put(run.rows, child, orders::RELEASE, &Order::Release(down))
}

/// Orders that what was set aside of a run is put back. What is still paused stays set aside.
fn put_back(run: &mut RunWrite<'_>) -> Result<Step, ReadError> {
    let workflow = run.state().workflow.clone();
    if !run.state().status.has_ended() && set_aside::has(run.rows, &workflow, run.id)? {
        resuming::TABLE.put(run.rows, (workflow, run.id), &Resuming::default())?;
    }
    Ok(Step::Over)
}

/// Gives the next operation, from this one on, the time that it had left when the run above failed. Returns where to continue.
fn restore_deadline(
    run: &mut RunWrite<'_>,
    from: OperationNumber,
    failed: Time,
    stopped_for: u64,
) -> Result<Option<OperationNumber>, ReadError> {
    let range = between((run.id, from), (run.id, OperationNumber(u32::MAX)));
    let of_table = open::TABLE.keys(run.rows, range, false, 1)?;
    let of_table = of_table.first().map(|(_, number)| *number);
    let own = run.loaded.open.numbers().into_iter();
    let first = own.filter(|number| *number >= from).chain(of_table).min();
    let Some(number) = first else {
        return Ok(None);
    };
    let next = number.0.checked_add(1).map(OperationNumber);
    let Some(mut open) = run.open(number)? else {
        return Ok(next);
    };
    let (id, key) = (run.id, (run.id, number));
    let had_time = open
        .kind
        .deadline(open.issued)
        .is_some_and(|deadline| deadline > failed);
    if open.abandoned || open.issued > failed {
        return Ok(next);
    }
    if let Kind::Call { .. } = &open.kind {
        for table in [calls::TABLE, calls::ASIDE] {
            if let Some(mut call) = table.get(run.rows, key)? {
                call.bounds.until = call.bounds.until.map(|until| until.after(stopped_for));
                table.put(run.rows, key, &call)?;
            }
        }
    } else if had_time {
        timers::remove(run.rows, id, number, &open)?;
        open.issued = open.issued.after(stopped_for);
        timers::add(run.rows, id, number, &open)?;
        if let Kind::WaitForEvent { event, .. } = &open.kind {
            let key = (event.as_str(), id, number);
            if let Some(mut wait) = event_waits::TABLE.get(run.rows, key)? {
                wait.waiting = open.waiting();
                event_waits::TABLE.put(run.rows, key, &wait)?;
            }
        }
        run.replace_open(number, open)?;
    }
    Ok(next)
}
