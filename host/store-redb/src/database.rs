//! The database in use: the backend of the embedded store.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use dormouse_seams::Clock;
use dormouse_store::{Backend, BackendTransaction, ReadError, StorageError};
use redb::{Database, ReadableDatabase, WriteTransaction};

use crate::cost::Cost;
use crate::disk::{Disk, ReservingBackend};
use crate::errors::storage;
use crate::options::{Options, builder};
use crate::rows::{MeteredRows, OpenTables, Snapshot};
use crate::space::Space;

/// The database in use, which is replaced after the disk was full.
pub(crate) struct RedbBackend {
    database: RwLock<Database>,
    disk: Arc<dyn Disk>,
    space: Arc<Space>,
    options: Options,
}

impl RedbBackend {
    pub(crate) fn new(
        database: Database,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Self {
        RedbBackend {
            database: RwLock::new(database),
            space: Arc::new(Space::new(disk.clone(), clock, options.reserve)),
            disk,
            options,
        }
    }

    /// Returns the database, for as long as it takes to begin a transaction. Nobody may own it: it could not be
    /// replaced then, because its lock on the file is released with the last owner.
    fn database(&self) -> RwLockReadGuard<'_, Database> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the space that may still be written.
    pub(crate) fn space(&self) -> &Space {
        &self.space
    }

    fn transaction(&self, allowed: u64) -> Result<Transaction, StorageError> {
        let mut transaction = self.database().begin_write().map_err(storage)?;
        transaction.set_quick_repair(self.options.quick_repair());
        Ok(Transaction {
            transaction,
            cost: Cost::new(allowed),
            space: self.space.clone(),
        })
    }

    /// Returns how many bytes of the file are in use.
    fn in_use(&self) -> Result<u64, redb::Error> {
        // Pages that the last commits no longer use become free only after the next ones.
        for _ in 0..2 {
            self.database().begin_write()?.commit()?;
        }
        let transaction = self.database().begin_write()?;
        let stats = transaction.stats()?;
        transaction.abort()?;
        Ok(stats
            .allocated_pages()
            .saturating_mul(stats.page_size() as u64))
    }
}

impl Backend for RedbBackend {
    type Snapshot = Snapshot;
    type Transaction = Transaction;

    fn snapshot(&self) -> Result<Snapshot, ReadError> {
        Ok(Snapshot(self.database().begin_read().map_err(storage)?))
    }

    fn begin(&self) -> Result<Transaction, StorageError> {
        self.transaction(self.space.room())
    }

    fn begin_housekeeping(&self) -> Result<Transaction, StorageError> {
        self.transaction(u64::MAX)
    }

    /// Opens the file again: after an I/O error, redb refuses everything, including reads.
    fn recover(&self) -> Result<(), StorageError> {
        let mut current = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // The lock on the file is released with the old handle. Snapshots do not keep it, and their reads fail. They
        // are short, except that of a backup, which fails as a whole.
        *current = placeholder().map_err(storage)?;
        let bytes = ReservingBackend::open(&self.disk)
            .map_err(redb::Error::Io)
            .map_err(storage)?;
        *current = builder(self.options.cache)
            .create_with_backend(bytes)
            .map_err(storage)?;
        Ok(())
    }

    fn lacks_space(&self) -> bool {
        self.space.is_short()
    }

    fn finds_space(&self) -> bool {
        self.space.count(|| self.in_use()).unwrap_or_else(|error| {
            tracing::warn!(%error, "the free pages of the store could not be counted");
            false
        })
    }
}

/// Changes of the database that become durable together.
pub(crate) struct Transaction {
    transaction: WriteTransaction,
    cost: Cost,
    space: Arc<Space>,
}

impl BackendTransaction for Transaction {
    type Rows<'t> = MeteredRows<'t>;

    fn rows(&mut self) -> Result<MeteredRows<'_>, StorageError> {
        Ok(MeteredRows {
            tables: OpenTables::new(&self.transaction),
            cost: &mut self.cost,
        })
    }

    async fn commit(self) -> Result<(), StorageError> {
        self.transaction.commit().map_err(storage)?;
        self.space.spend(self.cost.bytes());
        Ok(())
    }

    fn abort(self) -> Result<(), StorageError> {
        self.transaction.abort().map_err(storage)
    }
}

/// Returns a database in memory, in the place of one that is being reopened.
fn placeholder() -> Result<Database, redb::DatabaseError> {
    Database::builder().create_with_backend(redb::backends::InMemoryBackend::new())
}
