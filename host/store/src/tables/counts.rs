//! The rows `runs of NAME` of `meta`: how many runs of a workflow have each status.
//!
//! Row: a list of statuses and counts, none of which is 0. No row if there is no run. They lie in `meta` because each commit
//! writes there anyhow.

use std::collections::BTreeMap;

use dormouse_journal::Status;

use super::meta;
use crate::ReadError;
use crate::rows::{Rows, RowsMut};

/// What a row has.
pub(crate) type Counted = Vec<(Status, u64)>;

fn name(workflow: &str) -> String {
    format!("{}{workflow}", meta::RUNS_OF)
}

/// Returns how many runs of a workflow have each status. A status that none has is left out.
pub(crate) fn get(
    rows: &(impl Rows + ?Sized),
    workflow: &str,
) -> Result<BTreeMap<Status, u64>, ReadError> {
    let row: Option<Counted> = meta::get(rows, &name(workflow))?;
    Ok(row.unwrap_or_default().into_iter().collect())
}

/// Adds to the counts of a workflow, or takes from them.
pub(crate) fn change(
    rows: &mut (impl RowsMut + ?Sized),
    workflow: &str,
    changes: &BTreeMap<Status, i64>,
) -> Result<(), ReadError> {
    let mut counts = get(rows, workflow)?;
    for (status, by) in changes {
        let count = counts.entry(*status).or_default();
        *count = count.saturating_add_signed(*by);
    }
    let row: Counted = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    let name = name(workflow);
    match row.is_empty() {
        true => meta::TABLE.remove(rows, name.as_str()),
        false => meta::put(rows, &name, &row),
    }
}
