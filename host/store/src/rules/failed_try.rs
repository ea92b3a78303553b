//! Keeps a part of an activation in which a run broke or failed, and whose decisions took no effect.

use dormouse_journal::{Activation, Failure, LogLine, Time, VersionId};

use super::run::RunWrite;
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::table::between;
use crate::tables::failed_tries::{self, FailedTry, KEPT, TABLE};
use crate::tables::{logs, runs};

/// The most that keeping a failed try writes: its row, and the removal of the oldest.
pub(super) const COST: Extent = Extent {
    rows: 2,
    bytes: failed_tries::BYTES as u64,
};

/// The number of log lines of an activation that are looked at.
const LINES: usize = 256;

/// Keeps the try of this number as a failed try.
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

/// Keeps the last activation of a failed run that is being retried. The activation is about to be removed from the
/// journal.
pub(super) fn keep_taken_back(
    run: &mut RunWrite<'_>,
    (number, taken_back): (u32, &Activation),
    failed: Time,
) -> Result<(), ReadError> {
    let id = run.id;
    let state = run.state();
    let (tries, failure) = (state.tries, state.failure.clone().unwrap_or_default());
    // The operations of the activation are taken back already.
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

/// Returns the version of a run.
pub(super) fn version(run: &RunWrite<'_>) -> Result<VersionId, ReadError> {
    let stored = runs::TABLE.get(run.rows, run.id)?;
    Ok(stored.map_or(VersionId([0; 32]), |stored| stored.run.version))
}

/// Returns the kept part of an activation in which a run broke.
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
