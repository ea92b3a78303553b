//! `set_aside`: work of paused runs that has come due.
//!
//! Key: workflow, run, an encoded [`Aside`]. No row. What lies here is in no table that is scanned for what is due, and is
//! put back when the run goes on. The workflow leads, so that one that goes on finds what its runs have.

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
    /// The run can go on: its place in `due`.
    Due,
    /// The deadline of an operation has passed: its place in `timers` or `dates`.
    Timer(OperationNumber),
    /// A call is to be attempted: its row, which lies in `calls_aside`.
    Call(OperationNumber),
    /// The grace of an asked cancel is over.
    Grace,
    /// The time that the run was given is over.
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

    /// Sets this aside for a run of a workflow.
    pub(crate) fn add(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        workflow: &str,
        run: RunId,
    ) -> Result<(), ReadError> {
        TABLE.add(rows, (workflow.to_owned(), run, encode(self)))
    }
}

/// Returns the range of what a run has.
pub(crate) fn of_run(workflow: &str, run: RunId) -> (Bound<Key>, Bound<Key>) {
    (
        Included((workflow.to_owned(), run, Vec::new())),
        Excluded((workflow.to_owned(), next(run), Vec::new())),
    )
}

/// Returns the range of what the runs of a workflow have.
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

/// Returns true if a run has something here.
pub(crate) fn has(
    rows: &(impl Rows + ?Sized),
    workflow: &str,
    run: RunId,
) -> Result<bool, ReadError> {
    let first = TABLE.keys(rows, of_run(workflow, run), false, 1)?;
    Ok(!first.is_empty())
}
