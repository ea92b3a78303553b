//! Migrations: how a store that an earlier version wrote becomes one of this version.
//!
//! The store has one number for all of its layouts, [`SCHEMA`]. Most changes of a layout need nothing here: a row says its
//! own version, is read at any, and is rewritten when it is next written. What is here must be done before the host goes
//! to work: a change of keys, or of what shares a table.
//!
//! A migration raises the number in its first commit, so that older software refuses the store from then on and never
//! half reads it. It then goes through what it changes in bounded batches, each one commit together with the place that it
//! has reached. If the process dies between any two of them, the next start goes on from that place.

use dormouse_journal::{OperationNumber, RunId, decode, encode};
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, BackendTransaction};
use crate::counting::{count_runs, count_storage};
use crate::rows::RowsMut;
use crate::rows::table::after;
use crate::tables::call_requests::NewCallRows;
use crate::tables::meta::{self, SCHEMA};
use crate::tables::{calls, meta::FORMAT};
use crate::{OpenError, ReadError};

/// The first schema. Nothing was released before it.
const FIRST: u8 = 1;

/// How many bytes of rows one commit of a migration rewrites, beside one row that may be larger.
const BATCH_BYTES: usize = 8 << 20;

/// How many rows one commit of a migration rewrites.
const BATCH_ROWS: usize = 1_000;

/// A migration under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Migration {
    /// The schema that it leads to.
    to: u8,
    /// The place that it has reached: a record of the migration's own. None at its beginning.
    cursor: Option<Vec<u8>>,
}

/// Does a batch of a migration from a place on. Returns the place that it has reached, or none if it is done.
type Batch = fn(&mut dyn RowsMut, Option<Vec<u8>>) -> Result<Option<Vec<u8>>, ReadError>;

/// Every migration there ever was, by the schema that it leads to.
const MIGRATIONS: [(u8, Batch); 3] = [(2, move_large_calls), (3, count_storage), (5, count_runs)];

/// Checks the schema of a store that exists.
///
/// # Errors
/// When it is that of a newer version, or none at all.
pub fn check_schema(found: &[u8]) -> Result<(), OpenError> {
    match found {
        [FIRST..=SCHEMA] => Ok(()),
        [found] if *found > SCHEMA => Err(OpenError::Newer {
            found: *found,
            known: SCHEMA,
        }),
        other => Err(OpenError::Damaged(format!("its format is {other:?}"))),
    }
}

/// Notes, in the transaction that found a store of an earlier schema, that it is migrated from now on.
pub(crate) fn begin(rows: &mut dyn RowsMut, found: &[u8]) -> Result<(), OpenError> {
    check_schema(found)?;
    let [found] = found else { return Ok(()) };
    if *found == SCHEMA {
        return Ok(());
    }
    meta::TABLE.put(rows, FORMAT, &[SCHEMA])?;
    // One that an earlier version did not finish is finished first.
    if meta::TABLE.has(rows, meta::MIGRATION)? {
        return Ok(());
    }
    let migration = Migration {
        to: found + 1,
        cursor: None,
    };
    Ok(meta::put(rows, meta::MIGRATION, &migration)?)
}

/// Goes on with the migration that is under way, if one is, to its end.
pub(crate) async fn finish(backend: &impl Backend) -> Result<(), OpenError> {
    loop {
        let mut transaction = backend.begin_housekeeping()?;
        let done = {
            let mut rows = transaction.rows()?;
            step(&mut rows)?
        };
        if done {
            transaction.abort()?;
            return Ok(());
        }
        transaction.commit().await?;
    }
}

/// Does one batch. Returns true if nothing was left to do.
fn step(rows: &mut dyn RowsMut) -> Result<bool, ReadError> {
    let Some(migration) = meta::get::<Migration>(rows, meta::MIGRATION)? else {
        return Ok(true);
    };
    let batch = MIGRATIONS.iter().find(|(to, _)| *to == migration.to);
    let cursor = match batch {
        Some((_, batch)) => batch(rows, migration.cursor)?,
        None => None,
    };
    let next = match cursor {
        Some(_) => Migration {
            to: migration.to,
            cursor,
        },
        None if migration.to < SCHEMA => Migration {
            to: migration.to + 1,
            cursor: None,
        },
        None => {
            tracing::info!(schema = SCHEMA, "the store was migrated");
            meta::TABLE.remove(rows, meta::MIGRATION)?;
            return Ok(false);
        }
    };
    meta::put(rows, meta::MIGRATION, &next)?;
    Ok(false)
}

/// To schema 2: what never changes about a large call leaves the table `calls`, whose leaves are rewritten for every
/// attempt. All of it is the host's own outstanding work, which each start reads anyhow. Requests, events and results
/// that were not taken yet stay where they are: their rows are read as they are, and are not written again.
fn move_large_calls(
    rows: &mut dyn RowsMut,
    cursor: Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, ReadError> {
    let last: Option<(RunId, OperationNumber)> = cursor
        .map(|cursor| decode(&cursor))
        .transpose()
        .map_err(|source| ReadError::Row {
        table: "meta",
        source,
    })?;
    let (mut batch, mut bytes, mut more) = (Vec::new(), 0, false);
    calls::TABLE.scan_sized(rows, after(last), |key, row, size| {
        if batch.len() == BATCH_ROWS || (bytes + size > BATCH_BYTES && bytes > 0) {
            more = true;
            return false;
        }
        bytes += size;
        batch.push((key, row));
        true
    })?;
    let reached = batch.last().map(|(key, _)| encode(key));
    for (key, row) in batch {
        if let Some(call) = row.call {
            calls::put(rows, key, row.attempts, row.bounds, &NewCallRows::new(call))?;
        }
    }
    Ok(reached.filter(|_| more))
}
