//! The place in the data directory where backups are made, one at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dormouse_store::Backup;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Where backups are made. There is one backup at a time, because each takes as much disk space as the
/// store.
pub(super) struct BackupPlace {
    directory: PathBuf,
    store: Arc<dyn Backup>,
    turn: Arc<Semaphore>,
}

impl BackupPlace {
    /// Returns the place for backups of this store, which is in this directory.
    pub(super) fn new(directory: &Path, store: Arc<dyn Backup>) -> Self {
        BackupPlace {
            directory: directory.to_owned(),
            store,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Returns the directory that the store is in.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the store.
    pub(super) fn store(&self) -> &dyn Backup {
        &*self.store
    }

    /// Takes the place for a backup, until the permit is dropped. None if another backup has it.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.turn.clone().try_acquire_owned().ok()
    }
}
