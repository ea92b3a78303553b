//! Errors of the store.

use std::error::Error;
use std::sync::Arc;

use dormouse_journal::DecodeError;

/// An error that a backend reports.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{source}")]
pub struct StorageError {
    source: Arc<dyn Error + Send + Sync>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Failure,
    Full,
    NoRoom,
}

impl StorageError {
    /// Creates the error for a failed disk.
    pub fn new(source: impl Error + Send + Sync + 'static) -> Self {
        StorageError {
            source: Arc::new(source),
            kind: Kind::Failure,
        }
    }

    /// Creates the error for a disk without enough space for what was to be written.
    pub fn full(source: impl Error + Send + Sync + 'static) -> Self {
        StorageError {
            source: Arc::new(source),
            kind: Kind::Full,
        }
    }

    /// Creates the error for a transaction that would need more space than there is. Nothing of it has reached the
    /// disk, and it can be discarded.
    pub fn no_room(source: impl Error + Send + Sync + 'static) -> Self {
        StorageError {
            source: Arc::new(source),
            kind: Kind::NoRoom,
        }
    }

    /// Returns true if the disk has no space left, which may pass.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kind != Kind::Failure
    }

    /// Returns true if too little space was found before anything was written.
    #[must_use]
    pub fn is_refused_before_write(&self) -> bool {
        self.kind == Kind::NoRoom
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the store open.
    #[error(
        "the data directory is in use by another host: stop that one, or give this one a directory of its own"
    )]
    InUse,
    /// A later release wrote the store.
    #[error(
        "the data directory was written by a newer version (format {found}; this version reads format {known}): use \
         that version"
    )]
    Newer {
        /// The schema found.
        found: u8,
        /// The newest schema known.
        known: u8,
    },
    /// The file is not a store, or it is damaged.
    #[error("the store is damaged or is not a Dormouse store: {0}")]
    Damaged(String),
    /// The disk failed.
    #[error("the store cannot be opened: {0}")]
    Io(#[from] std::io::Error),
    /// The backend reports another error.
    #[error("the store cannot be opened: {0}")]
    Storage(#[from] StorageError),
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Storage(error) => OpenError::Storage(error),
            error => OpenError::Damaged(error.to_string()),
        }
    }
}

/// Why something could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The disk failed.
    #[error("the store cannot be read: {0}")]
    Storage(#[from] StorageError),
    /// A row does not have the format of its table.
    #[error("the table {table:?} holds a damaged row: {source}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong with the row.
        source: DecodeError,
    },
    /// A key does not have the format of its table.
    #[error("the table {table:?} holds a damaged key")]
    Key {
        /// The table.
        table: &'static str,
    },
    /// A row is missing although another row refers to it.
    #[error("the table {table:?} lacks a row that the table {named_by:?} names")]
    Missing {
        /// The table that lacks the row.
        table: &'static str,
        /// The table that has the row's key.
        named_by: &'static str,
    },
}

/// Why something could not be made durable. Nothing of the write is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The disk is full. Writes succeed again as soon as there is space.
    #[error("the disk of the data directory is full")]
    Full,
    /// A row that the write depends on is damaged. Other writes are not affected.
    #[error(transparent)]
    Row(ReadError),
    /// The disk failed. The host cannot continue, because it no longer knows what is durable.
    #[error("the store failed, and the host must be restarted: {0}")]
    Failed(StorageError),
    /// The host panicked while it applied this write. Other writes are not affected.
    #[error(
        "the host panicked while it prepared a write, which is a fault of its own; its log says where"
    )]
    Panicked,
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopped,
}

/// Why no backup was made. The store itself is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The caller does not want the backup any more.
    #[error("the backup was given up")]
    GivenUp,
    /// The disk has too little space for the copy.
    #[error("the disk of the data directory has too little space for a backup")]
    Full,
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The copy cannot be written.
    #[error("the copy cannot be written: {0}")]
    Copy(StorageError),
}
