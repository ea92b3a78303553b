//! Backups: a copy of everything durable, made while the host goes on.
//!
//! All rows come from one snapshot, so a backup is the store as it was at one moment, whatever is written meanwhile.
//! Nobody waits for it: a snapshot keeps pages from being used again, and nothing else. The copy is a store like any
//! other, which a host opens as it opens its own.
//!
//! Compiled code is left out. It fits the machine and the release that made it, a restored host makes its own at the
//! first use of each version, and it is several times the size of the component that it was made of.

use dormouse_journal::FORMAT;
use redb::{
    Database, Key, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    StorageBackend, TableDefinition, TableHandle, Value,
};

use crate::seams::Backend;
use crate::store::{builder, check_format, classify_open, storage};
use crate::tables::{Visitor, code, meta, runs, visit};
use crate::writer::{Writer, is_full};
use crate::{BackupError, OpenError, ReadError, Snapshot, Store};

/// Bytes of rows in one transaction of the copy. It bounds memory, and how long it takes to give up.
const BATCH: u64 = 8 << 20;

/// What must be free, beside the reserve, for a batch to be written: pages that are split are half empty, the last row
/// of a batch may be as large as a component, and the host writes at the same time.
const ROOM: u64 = 16 * BATCH;

/// Bytes of the copy that are kept in memory.
const CACHE: usize = 32 << 20;

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// Its format.
    pub format: u8,
    /// How many runs it has.
    pub runs: u64,
}

impl Store {
    /// Copies everything that is durable now into `target`, which must be empty. It blocks its thread for as long as
    /// the disk takes, and asks `is_wanted` every now and then whether to go on.
    ///
    /// The space that is looked after is that of the store's own disk: `target` must lie there.
    ///
    /// # Errors
    /// When it is not wanted any more, there is too little space, or a disk fails.
    pub fn back_up(
        &self,
        target: Box<dyn StorageBackend>,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<(), BackupError> {
        let mut copy = Copy {
            from: self.read()?,
            to: builder(CACHE)
                .create_with_backend(Backend(target))
                .map_err(failed)?,
            writer: self.writer(),
            is_wanted,
        };
        visit(&mut copy)?;
        copy.to.close().map_err(failed)
    }
}

/// Looks into a backup, without changing it: whether it is a store that this version can read, and what it holds.
///
/// # Errors
/// When it is not.
pub fn examine(backup: Box<dyn StorageBackend>) -> Result<Backup, OpenError> {
    let database = builder(CACHE)
        .open_read_only_with_backend(Backend(backup))
        .map_err(classify_open)?;
    let transaction = database.begin_read().map_err(storage)?;
    let meta = transaction.open_table(meta::TABLE).map_err(storage)?;
    match meta.get(meta::FORMAT).map_err(storage)? {
        Some(found) => check_format(found.value())?,
        None => return Err(OpenError::Damaged("its format is missing".into())),
    }
    let runs = transaction
        .open_table(runs::TABLE.definition())
        .map_err(storage)?;
    Ok(Backup {
        format: FORMAT,
        runs: runs.len().map_err(storage)?,
    })
}

/// A copy in the making.
struct Copy<'a> {
    from: Snapshot,
    to: Database,
    writer: &'a Writer,
    is_wanted: &'a dyn Fn() -> bool,
}

impl Visitor for Copy<'_> {
    type Error = BackupError;

    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), BackupError> {
        let table: ReadOnlyTable<K, V> = self.from.table(definition)?;
        let is_cache = definition.name() == code::TABLE.definition().name();
        let mut rows = table.iter().map_err(ReadError::from)?.fuse();
        loop {
            if !(self.is_wanted)() {
                return Err(BackupError::GivenUp);
            }
            if self.writer.lacks_space_for(ROOM) {
                return Err(BackupError::Full);
            }
            let transaction = self.to.begin_write().map_err(failed)?;
            let mut bytes = 0;
            {
                let mut copy = transaction.open_table(definition).map_err(failed)?;
                while !is_cache && bytes < BATCH {
                    let Some(row) = rows.next() else { break };
                    let (key, value) = row.map_err(ReadError::from)?;
                    let (key, value) = (key.value(), value.value());
                    bytes += (K::as_bytes(&key).as_ref().len() + V::as_bytes(&value).as_ref().len())
                        as u64;
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

fn failed(error: impl Into<redb::Error>) -> BackupError {
    match error.into() {
        error if is_full(&error) => BackupError::Full,
        error => BackupError::Copy(error),
    }
}

#[cfg(test)]
mod tests;
