//! The database in use: the backend of the embedded store.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use dormouse_store::{Backend, BackendTransaction, ReadError, StorageError};
use redb::{Database, ReadableDatabase, WriteTransaction};

use crate::disk::{Boxed, Disk};
use crate::errors::storage;
use crate::options::{Options, builder};
use crate::rows::{OpenTables, Snapshot};

/// The database in use, which is exchanged after the disk was full.
pub(crate) struct RedbBackend {
    database: RwLock<Database>,
    disk: Arc<dyn Disk>,
    options: Options,
}

impl RedbBackend {
    pub(crate) fn new(database: Database, disk: Arc<dyn Disk>, options: Options) -> Self {
        RedbBackend {
            database: RwLock::new(database),
            disk,
            options,
        }
    }

    /// Returns the database, for as long as it takes to begin a transaction. Nobody may own it: it could not be exchanged,
    /// since its lock on the file goes with the last owner.
    fn database(&self) -> RwLockReadGuard<'_, Database> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if writing so many bytes would take of what is to be left on the disk. A disk that does not say how much
    /// is left is taken at its word when it is full.
    pub(crate) fn lacks_space_for(&self, bytes: u64) -> bool {
        self.disk
            .available()
            .is_ok_and(|available| available < self.options.reserve.saturating_add(bytes))
    }
}

impl Backend for RedbBackend {
    type Snapshot = Snapshot;
    type Transaction = Transaction;

    fn snapshot(&self) -> Result<Snapshot, ReadError> {
        Ok(Snapshot(self.database().begin_read().map_err(storage)?))
    }

    fn begin(&self) -> Result<Transaction, StorageError> {
        let mut transaction = self.database().begin_write().map_err(storage)?;
        transaction.set_quick_repair(self.options.quick_repair());
        Ok(Transaction(transaction))
    }

    /// Opens the file anew: after an I/O error redb refuses everything, reading included.
    fn recover(&self) -> Result<(), StorageError> {
        let mut current = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // The lock on the file goes with the old handle. Snapshots that are still held do not keep it, and their reads
        // fail; they are short, but for that of a backup, which fails as a whole.
        *current = placeholder().map_err(storage)?;
        let bytes = self.disk.open().map_err(redb::Error::Io).map_err(storage)?;
        *current = builder(self.options.cache)
            .create_with_backend(Boxed(bytes))
            .map_err(storage)?;
        Ok(())
    }

    fn lacks_space(&self) -> bool {
        self.lacks_space_for(0)
    }
}

/// Changes of the database that become durable together.
pub(crate) struct Transaction(WriteTransaction);

impl BackendTransaction for Transaction {
    type Rows<'t> = OpenTables<'t>;

    fn rows(&mut self) -> Result<OpenTables<'_>, StorageError> {
        OpenTables::open(&self.0)
    }

    async fn commit(self) -> Result<(), StorageError> {
        self.0.commit().map_err(storage)
    }

    fn abort(self) -> Result<(), StorageError> {
        self.0.abort().map_err(storage)
    }
}

/// A database in memory, to hold the place of one that is being reopened.
fn placeholder() -> Result<Database, redb::DatabaseError> {
    Database::builder().create_with_backend(redb::backends::InMemoryBackend::new())
}
