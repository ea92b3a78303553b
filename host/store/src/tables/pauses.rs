//! `paused_runs`, and the row `paused` of `meta`: what is paused.
//!
//! Key of `paused_runs`: run. Row: [`Since`]. A run is here exactly while it is paused by itself. The row of `meta` has the
//! host and the workflows that are paused, of which there are few, and the number of runs, so that whoever looks at a run
//! while nothing is paused reads no more than one row that is not there.

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

/// What is paused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses {
    /// Since when the host is, if it is.
    pub host: Option<Time>,
    /// The workflows that are, and since when.
    pub workflows: BTreeMap<String, Time>,
    /// How many runs are paused by themselves.
    pub runs: u64,
}

/// By what a run is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PausedBy {
    /// It was paused itself.
    Run,
    /// Its workflow is.
    Workflow,
    /// The host is.
    Host,
    /// It is not, and is held by this run above it, which has failed or is paused.
    Above(RunId),
}

impl PausedBy {
    /// Returns what is paused as the API spells it.
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

/// That a run is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// By what, the narrowest first.
    pub by: PausedBy,
    /// Since when nothing of it begins.
    pub since: Time,
}

impl Pauses {
    /// Returns that a run of a workflow is paused, if its workflow or the host is.
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

/// Returns what is paused. None if nothing is.
pub(crate) fn get(rows: &(impl Rows + ?Sized)) -> Result<Option<Pauses>, ReadError> {
    meta::get(rows, meta::PAUSED)
}

/// Changes what is paused.
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

/// Returns that a run is paused, if it is.
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

/// Returns that a run is paused, if it is, where it is known what else is.
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

/// Forgets that a run is paused. Returns whether it was.
pub(crate) fn forget(rows: &mut (impl RowsMut + ?Sized), run: RunId) -> Result<bool, ReadError> {
    if get(rows)?.is_none_or(|pauses| pauses.runs == 0) || !RUNS.remove(rows, run)? {
        return Ok(false);
    }
    change(rows, |pauses| {
        pauses.runs = pauses.runs.saturating_sub(1);
    })?;
    Ok(true)
}
