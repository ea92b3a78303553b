//! Keeping what an activation did in which a run broke or failed, and of which nothing has happened.

use dormouse_journal::{Activation, Failure, LogLine, Time, VersionId};

use super::run::RunWrite;
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::table::between;
use crate::tables::failed_tries::{self, FailedTry, KEPT, TABLE};
use crate::tables::{logs, runs};

/// What keeping a failed try writes: its row, and the oldest goes.
pub(super) const COST: Extent = Extent {
    rows: 2,
    bytes: failed_tries::BYTES as u64,
};

/// How many log lines of an activation are looked at.
const LINES: usize = 256;

/// Keeps a try of this number as a failed one.
pub(super) fn keep(
    run: &mut RunWrite<'_>,
    tries: u32,
    failed: &FailedTry,
) -> Result<(), ReadError> {
    let all = TABLE.keys(run.rows, TABLE.of(run.id), false, KEPT)?;
    if all.len() == KEPT
        && let Some(oldest) = all.into_iter().next()
    {
        TABLE.remove(run.rows, oldest)?;
    }
    TABLE.put(run.rows, (run.id, tries), failed)
}

/// Keeps the last activation of a run that has failed and is retried, which is about to be taken out of its journal.
pub(super) fn keep_taken_back(
    run: &mut RunWrite<'_>,
    (number, taken_back): (u32, &Activation),
    failed: Time,
) -> Result<(), ReadError> {
    let id = run.id;
    let state = run.state();
    let (tries, failure) = (state.tries, state.failure.clone().unwrap_or_default());
    // Its operations are taken back already.
    let first = state.operations;
    let mut lines: Vec<LogLine> = Vec::new();
    let range = between((id, number, 0), (id, number, u32::MAX));
    logs::TABLE.scan(run.rows, range, |_, line| {
        lines.push(line);
        lines.len() < LINES
    })?;
    let version = version(run)?;
    let kept = FailedTry::new(failed, number, version, &failure);
    keep(
        run,
        tries,
        &kept.with(first, &taken_back.operations, &lines),
    )
}

/// Returns the version that a run is executed on.
pub(super) fn version(run: &RunWrite<'_>) -> Result<VersionId, ReadError> {
    let stored = runs::TABLE.get(run.rows, run.id)?;
    Ok(stored.map_or(VersionId([0; 32]), |stored| stored.run.version))
}

/// Returns what is kept of an activation in which a run broke.
pub(super) fn broken(
    run: &RunWrite<'_>,
    number: u32,
    failure: &Failure,
    made: &[dormouse_journal::Operation],
    lines: &[LogLine],
) -> Result<FailedTry, ReadError> {
    let first = run.state().operations;
    let kept = FailedTry::new(run.now, number, version(run)?, failure);
    Ok(kept.with(first, made, lines))
}
