//! `set_aside`: work of paused runs that has come due.
//!
//! Key: workflow, run, an encoded [`Aside`]. No row. Work in this table is in no table that is scanned for due work,
//! and is put back when the run is resumed. The key begins with the workflow, so that the work of all its runs is found
//! when it is resumed.

use std::ops::Bound::{self, Excluded, Included};

use dormouse_journal::{OperationNumber, RunId, decode, encode};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::ReadError;
use crate::rows::table::Index;
use crate::rows::{Rows, RowsMut};

pub(crate) const TABLE: Index<Key> = Index::new(TableId::SetAside);

/// A key of the table.
pub(crate) type Key = (String, RunId, Vec<u8>);

/// Work that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Aside {
    /// The run can go on. This was its entry in `due`.
    Due,
    /// The deadline of an operation has passed. This was its entry in `timers` or `dates`.
    Timer(OperationNumber),
    /// The next attempt of a call is due. The row of the call is in `calls_aside`.
    Call(OperationNumber),
    /// The grace period of a request to cancel is over.
    Grace,
    /// The timeout of the run has passed.
    Timeout,
    /// The time to repair the run, which broke in this try, is over.
    Broken {
        /// The try.
        tries: u32,
    },
}

impl Aside {
    pub(crate) fn from_key(bytes: &[u8]) -> Result<Self, ReadError> {
        decode(bytes).map_err(|source| ReadError::Row {
            table: TableId::SetAside.name(),
            source,
        })
    }

    /// Adds this for a run of a workflow.
    pub(crate) fn add(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        workflow: &str,
        run: RunId,
    ) -> Result<(), ReadError> {
        TABLE.add(rows, (workflow.to_owned(), run, encode(self)))
    }
}

/// Returns the range of a run's work.
pub(crate) fn of_run(workflow: &str, run: RunId) -> (Bound<Key>, Bound<Key>) {
    (
        Included((workflow.to_owned(), run, Vec::new())),
        Excluded((workflow.to_owned(), next(run), Vec::new())),
    )
}

/// Returns the range of the work of all runs of a workflow.
pub(crate) fn of_workflow(workflow: &str) -> (Bound<Key>, Bound<Key>) {
    let last = RunId([0xff; 16]);
    (
        Included((workflow.to_owned(), RunId([0; 16]), Vec::new())),
        Excluded((workflow.to_owned(), last, Vec::new())),
    )
}

/// Returns the id after that of a run.
fn next(run: RunId) -> RunId {
    RunId(u128::from_be_bytes(run.0).wrapping_add(1).to_be_bytes())
}

/// Returns true if a run has work that was set aside.
pub(crate) fn has(
    rows: &(impl Rows + ?Sized),
    workflow: &str,
    run: RunId,
) -> Result<bool, ReadError> {
    let first = TABLE.keys(rows, of_run(workflow, run), false, 1)?;
    Ok(!first.is_empty())
}
