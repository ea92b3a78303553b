//! Backups: a copy of everything durable, made while the host goes on.
//!
//! All rows come from one snapshot, so a backup is the store as it was at one moment, whatever is written meanwhile.
//! It delays nobody: a snapshot only prevents pages from being used again. The copy is a store like any other, which a
//! host can open.
//!
//! Compiled code is left out. It fits only the machine and the release that made it, a restored host compiles each
//! version again at its first use, and compiled code is several times the size of its component.

use std::fs::File;

use dormouse_store::rows::{Part, Rows};
use dormouse_store::{
    Backend, BackupError, OpenError, ReadError, SCHEMA, StorageError, TableId, check_schema,
};
use redb::backends::FileBackend;
use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend,
    TableDefinition,
};

use crate::database::RedbBackend;
use crate::disk::ReservingBackend;
use crate::errors::{classify_open, storage};
use crate::options::builder;
use crate::rows::{KeyParts, RowBytes, Snapshot, Visitor, visit};

/// The number of bytes of rows in one transaction of the copy. It limits the memory, and the time to give up.
const BATCH: u64 = 8 << 20;

/// The space that must be free, in addition to the reserve, before a batch is written: split pages are half empty, the last
/// row of a batch may be as large as a component, and the host writes at the same time.
const ROOM: u64 = 16 * BATCH;

/// The number of bytes of the copy that are kept in memory.
const CACHE: usize = 32 << 20;

/// The content of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupInfo {
    /// The schema of the store.
    pub schema: u8,
    /// The number of runs.
    pub runs: u64,
}

/// Copies everything that is durable now into `target`, which must be empty.
pub(crate) fn copy(
    from: &RedbBackend,
    target: impl StorageBackend,
    is_wanted: &dyn Fn() -> bool,
) -> Result<(), BackupError> {
    let mut copy = Copy {
        rows: from.snapshot()?,
        to: builder(CACHE).create_with_backend(target).map_err(failed)?,
        from,
        is_wanted,
    };
    visit(&mut copy)?;
    copy.to.close().map_err(failed)
}

/// Examines the file of a backup without changing it. Returns its content if it is a store that this version can read.
///
/// # Errors
/// When it is not such a store.
pub fn examine_file(file: File) -> Result<BackupInfo, OpenError> {
    examine(Box::new(FileBackend::new(file).map_err(classify_open)?))
}

/// Examines a backup as [`examine_file`] does, wherever its bytes are.
///
/// # Errors
/// When it is not a store that this version can read.
pub fn examine(backup: Box<dyn StorageBackend>) -> Result<BackupInfo, OpenError> {
    let database = builder(CACHE)
        .open_read_only_with_backend(ReservingBackend::new(backup))
        .map_err(classify_open)?;
    let rows = Snapshot(database.begin_read().map_err(storage)?);
    let mut schema = Vec::new();
    let format = [Part::Text("format")];
    rows.read(TableId::Meta, &format, &mut |found| schema = found.to_vec())?;
    if schema.is_empty() {
        return Err(OpenError::Damaged("its format is missing".into()));
    }
    check_schema(&schema)?;
    let runs: TableDefinition<'static, [u8; 16], &[u8]> =
        TableDefinition::new(TableId::Runs.name());
    let runs = match rows.table(runs)? {
        Some(runs) => runs.len().map_err(storage)?,
        None => 0,
    };
    Ok(BackupInfo {
        schema: schema.first().copied().unwrap_or(SCHEMA),
        runs,
    })
}

/// A copy that is being made.
struct Copy<'a> {
    rows: Snapshot,
    to: Database,
    from: &'a RedbBackend,
    is_wanted: &'a dyn Fn() -> bool,
}

impl Visitor for Copy<'_> {
    type Error = BackupError;

    fn table<K: KeyParts, V: RowBytes>(
        &mut self,
        id: TableId,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), BackupError> {
        let table = self.rows.table(definition).map_err(unreadable_rows)?;
        let Some(table) = table else {
            return Ok(());
        };
        let is_cache = id == TableId::Code;
        let mut rows = table.iter().map_err(unreadable)?.fuse();
        loop {
            if !(self.is_wanted)() {
                return Err(BackupError::GivenUp);
            }
            if self.from.space().room_beside() < ROOM {
                return Err(BackupError::Full);
            }
            let transaction = self.to.begin_write().map_err(failed)?;
            let mut bytes = 0;
            {
                let mut copy = transaction.open_table(definition).map_err(failed)?;
                while !is_cache && bytes < BATCH {
                    let Some(row) = rows.next() else { break };
                    let (key, value) = row.map_err(unreadable)?;
                    let (key, value) = (key.value(), value.value());
                    bytes += (K::as_bytes(&key).as_ref().len() + V::bytes(&value).len()) as u64;
                    copy.insert(key, value).map_err(failed)?;
                }
            }
            transaction.commit().map_err(failed)?;
            if bytes < BATCH {
                return Ok(());
            }
        }
    }
}

fn unreadable_rows(error: StorageError) -> BackupError {
    BackupError::Read(ReadError::Storage(error))
}

fn unreadable(error: impl Into<redb::Error>) -> BackupError {
    unreadable_rows(storage(error))
}

fn failed(error: impl Into<redb::Error>) -> BackupError {
    match storage(error) {
        error if error.is_full() => BackupError::Full,
        error => BackupError::Copy(error),
    }
}
