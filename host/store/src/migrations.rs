//! Migrations: they update a store that an earlier version wrote.
//!
//! The store has one number for all of its layouts, [`SCHEMA`]. Most changes of a layout need no migration: each row
//! has a version, rows of any version can be read, and a row gets the new version when it is next written. The
//! migrations here must be done before the host starts its work: they change keys, or which rows share a table.
//!
//! The first commit of a migration raises the number, so that older software refuses the store from then on and never
//! reads half of it. Then the migration goes through the rows in bounded batches. Each batch is one commit, together
//! with the place that it has reached. If the process dies between two commits, the next start continues from that
//! place.

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

/// The number of bytes of rows that one commit of a migration rewrites. A single row may be larger.
const BATCH_BYTES: usize = 8 << 20;

/// The number of rows that one commit of a migration rewrites.
const BATCH_ROWS: usize = 1_000;

/// A migration that is under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Migration {
    /// The schema that the migration leads to.
    to: u8,
    /// The place that the migration has reached, as a record of its own. None at its beginning.
    cursor: Option<Vec<u8>>,
}

/// Does one batch of a migration, from a place on. Returns the place that it has reached, or none if the migration is
/// complete.
type Batch = fn(&mut dyn RowsMut, Option<Vec<u8>>) -> Result<Option<Vec<u8>>, ReadError>;

/// All migrations, each with the schema that it leads to.
const MIGRATIONS: [(u8, Batch); 3] = [(2, move_large_calls), (3, count_storage), (5, count_runs)];

/// Checks the schema of a store that exists.
///
/// # Errors
/// When it is the schema of a newer version, or not a schema.
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

/// Notes that the store is to be migrated, in the transaction that found an earlier schema.
pub(crate) fn begin(rows: &mut dyn RowsMut, found: &[u8]) -> Result<(), OpenError> {
    check_schema(found)?;
    let [found] = found else { return Ok(()) };
    if *found == SCHEMA {
        return Ok(());
    }
    meta::TABLE.put(rows, FORMAT, &[SCHEMA])?;
    // A migration that an earlier version did not finish is finished first.
    if meta::TABLE.has(rows, meta::MIGRATION)? {
        return Ok(());
    }
    let migration = Migration {
        to: found + 1,
        cursor: None,
    };
    Ok(meta::put(rows, meta::MIGRATION, &migration)?)
}

/// Completes the migration that is under way, if there is one.
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

/// Migrates to schema 2: moves the unchanging part of each large call out of the table `calls`, whose leaves are
/// rewritten for every attempt. These are calls without a result, which each start reads anyway. Requests, events and
/// results that were not taken yet stay where they are: their rows can be read as they are, and are not written again.
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
