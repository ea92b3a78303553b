//! `held_calls`: the calls of failed runs that have no result. They are in a table of their own so that the scan of
//! `calls` does not find them.
//!
//! Key: run, operation. Row: [`Outstanding`], as it was in `calls`. Rows in `call_requests` and `call_bodies` stay there.

use dormouse_journal::{OperationNumber, RunId};

use super::calls::Outstanding;
use super::{TableId, call_requests};
use crate::ReadError;
use crate::rows::RowsMut;
use crate::rows::table::Table;

pub(crate) const TABLE: Table<(RunId, OperationNumber), Outstanding> =
    Table::new(TableId::HeldCalls);

/// Removes a call. Returns true if there was one.
pub(crate) fn remove(
    rows: &mut (impl RowsMut + ?Sized),
    key: (RunId, OperationNumber),
) -> Result<bool, ReadError> {
    let removed = TABLE.take(rows, key)?;
    if matches!(removed, Some(Outstanding { call: None, .. })) {
        call_requests::remove(rows, key)?;
    }
    Ok(removed.is_some())
}
