//! Undoes the end of a run that is retried (`retry.rs`) or taken back (`back.rs`): what other runs were told of it, and what the
//! run had left of its time. Also sets the version on which the run continues.

use dormouse_journal::{GuestLimits, RunId, VersionId, WhenParentEnds};

use super::Write;
use super::run::RunWrite;
use crate::ReadError;
use crate::tables::expiries::Expiring;
use crate::tables::orders::{self, Order};
use crate::tables::runs;

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
