//! Sets the labels that a run gives itself, in the commit of the activation that sets them.

use dormouse_journal::{Labels, RunId};

use super::SMALL_ROW;
use crate::ReadError;
use crate::rows::{Extent, RowsMut};
use crate::tables::runs;

/// The largest size of a run's row in bytes, without its labels. The headers in it are limited by the
/// size of a request's head.
const ROW: u64 = 64 << 10;

/// Returns the most that setting these labels writes: the run's row, and two rows of the index for each
/// label.
pub(super) fn cost(labels: &Labels) -> Extent {
    let changed = 2 * labels.len() as u64;
    if changed == 0 {
        return Extent::default();
    }
    let all = dormouse_journal::LABELS as u64;
    Extent::new(1 + changed, ROW + (all + changed) * SMALL_ROW)
}

/// Sets labels of a run.
pub(super) fn set(
    rows: &mut (impl RowsMut + ?Sized),
    run: RunId,
    labels: &Labels,
) -> Result<(), ReadError> {
    if labels.is_empty() {
        return Ok(());
    }
    let Some(mut stored) = runs::TABLE.get(rows, run)? else {
        return Ok(());
    };
    let before = stored.run.labels.clone();
    for label in labels.iter() {
        // The engine knew the run's labels and checked that there is room. Nothing else sets labels.
        let _ = stored.run.labels.set(label);
    }
    if before == stored.run.labels {
        return Ok(());
    }
    runs::put(rows, run, &stored, &before)
}
