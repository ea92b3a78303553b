//! The database in use, which is exchanged after the disk was full.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use redb::Database;

use crate::Options;
use crate::seams::{Backend, Disk};
use crate::store::builder;

/// The database in use.
pub(crate) struct Handle {
    database: RwLock<Database>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
}

impl Handle {
    pub(crate) fn new(database: Database, disk: Arc<dyn Disk>, options: Options) -> Self {
        Handle {
            database: RwLock::new(database),
            disk,
            options,
        }
    }

    /// The database, for as long as it takes to begin a transaction. Nobody may own it: it could not be exchanged, since
    /// its lock on the file goes with the last owner.
    pub(crate) fn database(&self) -> RwLockReadGuard<'_, Database> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the file anew: after an I/O error redb refuses everything, reading included.
    pub(crate) fn reopen(&self) -> Result<(), redb::Error> {
        let mut current = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // The lock on the file goes with the old handle. Snapshots that are still held do not keep it, and their reads
        // fail; they are short, but for that of a backup, which fails as a whole.
        *current = placeholder()?;
        let backend = self.disk.open().map_err(redb::Error::Io)?;
        *current = builder(self.options.cache).create_with_backend(Backend(backend))?;
        Ok(())
    }
}

/// A database in memory, to hold the place of one that is being reopened.
fn placeholder() -> Result<Database, redb::Error> {
    Ok(Database::builder().create_with_backend(redb::backends::InMemoryBackend::new())?)
}
