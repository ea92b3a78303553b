//! Held runs: a run above them, with which they end, has failed and may be retried, or is paused.
//!
//! No table says which runs are held. To find out, the chain of runs above a run is followed as long as each ends with the run
//! that started it; `depth-limit` bounds the length of the chain. A run is also held while its hold is being ended: an order
//! for the run, or for a run above it, does that in pieces (`rules/held.rs`).

use dormouse_journal::{RunId, Time, WhenParentEnds};

use super::pauses::{self, Pause, PausedBy};
use super::{State, orders, runs};
use crate::ReadError;
use crate::rows::Rows;

/// The largest number of runs above a run that are looked at. `depth-limit` cannot be larger.
const ABOVE: u32 = 1_000;

/// What decides whether a run holds others, and whether it may be held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    /// The run that started this one, if this one ends with it.
    pub(crate) parent: Option<RunId>,
    /// Since when the run holds the runs below it, if it holds them.
    pub(crate) holds: Option<Time>,
    /// True if the hold of the run itself is being ended.
    pub(crate) is_released: bool,
}

/// Returns the link for a run with these rows.
pub(crate) fn link(
    rows: &(impl Rows + ?Sized),
    id: RunId,
    state: &State,
) -> Result<Link, ReadError> {
    let parent = match state.is_child {
        true => runs::TABLE
            .get(rows, id)?
            .and_then(|stored| stored.run.parent),
        false => None,
    };
    let parent = parent.filter(|parent| parent.when_parent_ends == WhenParentEnds::Cancel);
    // While the hold is being ended, the time since when it lasts is unknown.
    let is_released = orders::TABLE.has(rows, (id, orders::RELEASE))?;
    let failed = state.ended.filter(|_| state.is_frozen());
    let paused = pauses::RUNS.get(rows, id)?.map(|since| since.0);
    let released = is_released.then_some(Time(u64::MAX));
    Ok(Link {
        parent: parent.map(|parent| parent.run),
        holds: failed.into_iter().chain(paused).chain(released).min(),
        is_released,
    })
}

/// Returns the run that holds a run, if it is held. `look` returns the link of a run.
pub(crate) fn of(
    id: RunId,
    mut look: impl FnMut(RunId) -> Result<Option<Link>, ReadError>,
) -> Result<Option<Pause>, ReadError> {
    let Some(own) = look(id)? else {
        return Ok(None);
    };
    let mut above = own.parent;
    for _ in 0..ABOVE {
        let Some(run) = above else { return Ok(None) };
        let Some(link) = look(run)? else {
            return Ok(None);
        };
        let released = own.is_released.then_some(Time(u64::MAX));
        if let Some(since) = link.holds.or(released) {
            let by = PausedBy::Above(run);
            return Ok(Some(Pause { by, since }));
        }
        above = link.parent;
    }
    Ok(None)
}
