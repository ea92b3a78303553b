//! `paused_runs`, and the row `paused` of `meta`: the present pauses.
//!
//! Key of `paused_runs`: run. Row: [`Since`]. A run is in this table exactly while it is paused itself. The row of
//! `meta` has the pause of the host and of workflows, of which there are few, and the number of paused runs. So while
//! nothing is paused, looking up a run costs at most one read of a row that does not exist.

use std::collections::BTreeMap;

use dormouse_journal::{RunId, Time};
use serde::{Deserialize, Serialize};

use super::{TableId, meta};
use crate::ReadError;
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

pub(crate) const RUNS: Table<RunId, Since> = Table::new(TableId::PausedRuns);

/// When a run was paused.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Since(pub(crate) Time);

impl Row for Since {}

/// The present pauses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses {
    /// Since when the host is paused, if it is.
    pub host: Option<Time>,
    /// The paused workflows, each with the time since when.
    pub workflows: BTreeMap<String, Time>,
    /// The number of runs that are paused themselves.
    pub runs: u64,
}

/// What pauses a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PausedBy {
    /// The run is paused itself.
    Run,
    /// The run's workflow is paused.
    Workflow,
    /// The host is paused.
    Host,
    /// The run is not paused, but this run above it holds it: it has failed or is paused.
    Above(RunId),
}

impl PausedBy {
    /// Returns the name that the API uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PausedBy::Run => "run",
            PausedBy::Workflow => "workflow",
            PausedBy::Host => "host",
            PausedBy::Above(_) => "above",
        }
    }
}

/// The pause of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// What pauses the run. If there are several, the narrowest.
    pub by: PausedBy,
    /// Since when nothing of the run begins.
    pub since: Time,
}

impl Pauses {
    /// Returns the pause of the runs of a workflow, if the workflow or the host is paused.
    #[must_use]
    pub fn of_workflow(&self, workflow: &str) -> Option<Pause> {
        let workflow = self.workflows.get(workflow).copied();
        both((PausedBy::Workflow, workflow), (PausedBy::Host, self.host))
    }

    /// Returns true if nothing is paused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Pauses::default()
    }
}

fn both(
    (narrow, first): (PausedBy, Option<Time>),
    (wide, second): (PausedBy, Option<Time>),
) -> Option<Pause> {
    let since = first.into_iter().chain(second).min()?;
    let by = if first.is_some() { narrow } else { wide };
    Some(Pause { by, since })
}

/// Returns the present pauses. None if nothing is paused.
pub(crate) fn get(rows: &(impl Rows + ?Sized)) -> Result<Option<Pauses>, ReadError> {
    meta::get(rows, meta::PAUSED)
}

/// Changes the present pauses.
pub(crate) fn change(
    rows: &mut (impl RowsMut + ?Sized),
    change: impl FnOnce(&mut Pauses),
) -> Result<(), ReadError> {
    let mut pauses = get(rows)?.unwrap_or_default();
    change(&mut pauses);
    match pauses.is_empty() {
        true => meta::TABLE.remove(rows, meta::PAUSED),
        false => meta::put(rows, meta::PAUSED, &pauses),
    }
}

/// Returns the pause of a run, if it is paused.
pub(crate) fn of(
    rows: &(impl Rows + ?Sized),
    run: RunId,
    workflow: &str,
) -> Result<Option<Pause>, ReadError> {
    match get(rows)? {
        Some(pauses) => of_these(rows, &pauses, run, workflow),
        None => Ok(None),
    }
}

/// Returns the pause of a run, if it is paused. `pauses` are the present pauses.
pub(crate) fn of_these(
    rows: &(impl Rows + ?Sized),
    pauses: &Pauses,
    run: RunId,
    workflow: &str,
) -> Result<Option<Pause>, ReadError> {
    let itself = match pauses.runs {
        0 => None,
        _ => RUNS.get(rows, run)?,
    };
    let above = pauses.of_workflow(workflow);
    let (wide, since) = above.map_or((PausedBy::Host, None), |above| {
        (above.by, Some(above.since))
    });
    let itself = itself.map(|since| since.0);
    Ok(both((PausedBy::Run, itself), (wide, since)))
}

/// Removes the pause of a run. Returns true if it was paused.
pub(crate) fn forget(rows: &mut (impl RowsMut + ?Sized), run: RunId) -> Result<bool, ReadError> {
    if get(rows)?.is_none_or(|pauses| pauses.runs == 0) || !RUNS.remove(rows, run)? {
        return Ok(false);
    }
    change(rows, |pauses| {
        pauses.runs = pauses.runs.saturating_sub(1);
    })?;
    Ok(true)
}
