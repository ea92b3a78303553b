//! Runs that are held: one above them has failed and may be retried, or is paused.
//!
//! No table says so. Whoever looks at a run that another started follows those above it, as far as each ends with the next,
//! which is as far as `depth-limit` lets a family reach. A run is held as well while its hold is being ended: an order for it,
//! or for one above it, has that done in pieces (`rules/held.rs`).

use dormouse_journal::{RunId, Time, WhenParentEnds};

use super::pauses::{self, Pause, PausedBy};
use super::{State, orders, runs};
use crate::ReadError;
use crate::rows::Rows;

/// How many runs above a run are looked at. `depth-limit` is at most as large.
const ABOVE: u32 = 1_000;

/// What must be known of a run to tell what it holds, and what may hold it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    /// The run that started it, if it ends with that.
    pub(crate) parent: Option<RunId>,
    /// Since when it holds those below it, if it does.
    pub(crate) holds: Option<Time>,
    /// True if its own hold is being ended.
    pub(crate) is_released: bool,
}

/// Returns what is known of a run that stands so.
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
    // Until the last piece of that nobody can tell since when.
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

/// Returns that a run is held, if it is, and by which of those above it. `look` returns what is known of a run.
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
