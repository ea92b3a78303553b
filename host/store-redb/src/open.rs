//! Opens the store's file.

use std::fs::File;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use dormouse_seams::{Clock, Entropy, Spawner};
use dormouse_store::rows::{Range, Rows};
use dormouse_store::{
    Backend, Backup, BackupError, Embedded, OpenError, ReadError, Store, StoreReader, TableId,
};

use crate::backup::copy;
use crate::database::RedbBackend;
use crate::disk::{Disk, ReservingBackend};
use crate::errors::{classify_open, storage};
use crate::options::{Options, builder};
use crate::scratch::Scratch;

/// The size of the cache for verifying: room for the pages on the way from a root to a leaf.
const VERIFYING_CACHE: usize = 1 << 20;

/// All rows of a store, each with the name of its table, its key as text, and its bytes.
pub type Dump = Vec<(&'static str, String, Vec<u8>)>;

/// A store in one redb file. Cheap to clone.
#[derive(Clone)]
pub struct RedbStore {
    store: Embedded<RedbBackend>,
}

impl RedbStore {
    /// Opens the store on a disk, and makes it if it does not exist.
    ///
    /// # Errors
    /// When another host has it open, a newer version wrote it, or it is damaged.
    pub async fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        spawner: Arc<dyn Spawner>,
        options: Options,
    ) -> Result<Self, OpenError> {
        if options.verify {
            verify(&disk)?;
        }
        let database = builder(options.cache)
            .create_with_backend(ReservingBackend::open(&disk)?)
            .map_err(classify_open)?;
        let backend = RedbBackend::new(database, disk, clock.clone(), options);
        if backend.space().is_short() {
            tracing::warn!(
                "the disk of the data directory is full: only housekeeping is written until there is room"
            );
            // Earlier hosts may have removed rows and left free pages in the store's own file.
            backend.finds_space();
        }
        let store = RedbStore {
            store: Embedded::open(backend, clock, entropy, spawner).await?,
        };
        store.restore_reserve();
        Ok(store)
    }

    /// Makes the reserve of the disk again, as far as there is room. Returns true if it is complete. It takes a moment
    /// on file systems on which it must be written.
    pub fn restore_reserve(&self) -> bool {
        self.store.backend().space().restore_reserve()
    }

    /// Returns true if the reserve of the disk was given up, and is not complete again.
    #[must_use]
    pub fn is_reserve_touched(&self) -> bool {
        self.store.backend().space().is_reserve_touched()
    }

    /// Returns all rows of all tables, in the order of their keys. It is for tests, which compare stores by it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn dump(&self) -> Result<Dump, ReadError> {
        let snapshot = self.store.backend().snapshot()?;
        let all = Range {
            start: Bound::Unbounded,
            end: Bound::Unbounded,
            backwards: false,
        };
        let mut dump = Dump::new();
        for table in TableId::ALL {
            snapshot.scan(*table, all, &mut |key, row| {
                dump.push((table.name(), format!("{key:?}"), row.to_vec()));
                ControlFlow::Continue(())
            })?;
        }
        Ok(dump)
    }

    /// Returns the store for a host.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    /// Returns the reads of the store, with long reads on a spawner of their own.
    #[must_use]
    pub fn reader_on(&self, spawner: Arc<dyn Spawner>) -> Arc<dyn StoreReader> {
        Arc::new(self.store.reading_on(spawner))
    }
}

impl Backup for RedbStore {
    fn back_up(&self, target: File, is_wanted: &dyn Fn() -> bool) -> Result<(), BackupError> {
        copy(self.store.backend(), Scratch(target), is_wanted)
    }
}

/// Verifies the checksum of every page, and repairs what a crash left behind: redb trusts what it reads later, and
/// would serve a flipped bit as if it were right.
///
/// The file is opened once for this alone. All of it passes through the cache, which is faster the smaller the cache
/// is. The cache would also be left full of pages that nobody needs. After a clean close, the file can be opened at
/// once.
fn verify(disk: &Arc<dyn Disk>) -> Result<(), OpenError> {
    let database = builder(VERIFYING_CACHE)
        .set_check_integrity_on_open(true)
        .create_with_backend(ReservingBackend::open(disk)?)
        .map_err(classify_open)?;
    match database.close().map_err(storage) {
        // The file is then opened as after a crash.
        Err(error) if error.is_full() => Ok(()),
        closed => Ok(closed?),
    }
}
