//! The rows `runs of NAME` of `meta`: the number of runs of a workflow with each status.
//!
//! Row: a list of statuses and counts without zeros. A workflow without runs has no row. The counts are in `meta`
//! because each commit writes to that table anyway.

use std::collections::BTreeMap;

use dormouse_journal::Status;

use super::meta;
use crate::ReadError;
use crate::rows::{Rows, RowsMut};

/// The content of a row.
pub(crate) type Counted = Vec<(Status, u64)>;

fn name(workflow: &str) -> String {
    format!("{}{workflow}", meta::RUNS_OF)
}

/// Returns the number of runs of a workflow with each status. A status without runs is left out.
pub(crate) fn get(
    rows: &(impl Rows + ?Sized),
    workflow: &str,
) -> Result<BTreeMap<Status, u64>, ReadError> {
    let row: Option<Counted> = meta::get(rows, &name(workflow))?;
    Ok(row.unwrap_or_default().into_iter().collect())
}

/// Changes the counts of a workflow.
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
