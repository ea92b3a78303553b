//! `timers`: deadlines of waits and ends of sleeps.
//!
//! Key: time, run, operation. No row. Scanned from the front. Sleeps that end at a date are in `dates`
//! instead.

use dormouse_journal::{Open, OperationNumber, RunId, Time};

use super::{TableId, dates};
use crate::ReadError;
use crate::rows::RowsMut;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(Time, RunId, OperationNumber)> = Index::new(TableId::Timers);

/// Writes the time at which an operation ends by itself, if there is one.
pub(crate) fn add(
    rows: &mut (impl RowsMut + ?Sized),
    run: RunId,
    operation: OperationNumber,
    open: &Open,
) -> Result<(), ReadError> {
    if let Some(deadline) = open.kind.deadline(open.issued) {
        TABLE.add(rows, (deadline, run, operation))?;
    }
    if let Some(date) = open.kind.date() {
        dates::TABLE.add(rows, (date, run, operation))?;
    }
    Ok(())
}

/// Removes what [`add`] wrote.
pub(crate) fn remove(
    rows: &mut (impl RowsMut + ?Sized),
    run: RunId,
    operation: OperationNumber,
    open: &Open,
) -> Result<(), ReadError> {
    if let Some(deadline) = open.kind.deadline(open.issued) {
        TABLE.remove(rows, (deadline, run, operation))?;
    }
    if let Some(date) = open.kind.date() {
        let key = (date, run, operation);
        if !dates::TABLE.remove(rows, key)? {
            TABLE.remove(rows, key)?;
        }
    }
    Ok(())
}
