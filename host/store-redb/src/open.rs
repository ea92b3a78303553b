//! Opening the store's file.

use std::fs::File;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use dormouse_seams::{Clock, Entropy, Spawner};
use dormouse_store::rows::{Range, Rows};
use dormouse_store::{
    Backend, Backup, BackupError, Embedded, OpenError, ReadError, Store, TableId,
};

use crate::backup::copy;
use crate::database::{RedbBackend, builder, classify_open, storage};
use crate::disk::{Boxed, Disk};
use crate::scratch::Scratch;

/// How a store is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many bytes of it are kept in memory.
    pub cache: usize,
    /// How many bytes must be left on the disk for a write to be tried.
    pub reserve: u64,
    /// Whether all of it is verified when it is opened, at the cost of reading it once. Otherwise it is opened at once,
    /// whatever its size and however the host ended: each commit then takes the longer to keep it ready for that, and
    /// damage goes unseen.
    pub verify: bool,
}

impl Options {
    /// Returns true if commits keep the store ready to be opened at once. What is verified at each start is read as a whole
    /// then, and need not be kept ready for less.
    pub(crate) fn quick_repair(self) -> bool {
        !self.verify
    }
}

/// The cache for verifying: room for the pages on the way from a root to a leaf.
const VERIFYING_CACHE: usize = 1 << 20;

/// Every row of a store: the name of its table, its key as text, and its bytes.
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
            verify(&*disk)?;
        }
        let database = builder(options.cache)
            .create_with_backend(Boxed(disk.open()?))
            .map_err(classify_open)?;
        let backend = RedbBackend::new(database, disk, options);
        Ok(RedbStore {
            store: Embedded::open(backend, clock, entropy, spawner).await?,
        })
    }

    /// Returns every row of every table in the order of their keys. It is for tests, which compare stores by it.
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

    /// Returns the store, to be used by a host.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }
}

impl Backup for RedbStore {
    fn back_up(&self, target: File, is_wanted: &dyn Fn() -> bool) -> Result<(), BackupError> {
        copy(self.store.backend(), Scratch(target), is_wanted)
    }
}

/// Verifies the checksum of every page, and repairs what a crash left behind: redb believes what it reads later, and a bit
/// that flipped in a value would be served as if it were the truth.
///
/// The file is opened once for this alone. All of it passes through the cache, which is faster the smaller that is, and
/// would be left full of what nobody asked for. What is closed well is then opened at once.
fn verify(disk: &dyn Disk) -> Result<(), OpenError> {
    let database = builder(VERIFYING_CACHE)
        .set_check_integrity_on_open(true)
        .create_with_backend(Boxed(disk.open()?))
        .map_err(classify_open)?;
    Ok(database.close().map_err(storage)?)
}
