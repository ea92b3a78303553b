//! Converts redb's errors to the store's.

use std::io;

use dormouse_store::{OpenError, StorageError};

/// Converts an error of redb.
pub(crate) fn storage(error: impl Into<redb::Error>) -> StorageError {
    let error = error.into();
    if is_full(&error) {
        StorageError::full(error)
    } else {
        StorageError::new(error)
    }
}

fn is_full(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(error) => crate::disk::is_full(error),
        _ => false,
    }
}

/// Converts the reason why redb does not open a file.
pub(crate) fn classify_open(error: redb::DatabaseError) -> OpenError {
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => OpenError::InUse,
        redb::DatabaseError::UpgradeRequired(found) => OpenError::Damaged(format!(
            "its file format {found} is older than any Dormouse wrote"
        )),
        redb::DatabaseError::Storage(redb::StorageError::Corrupted(what)) => {
            OpenError::Damaged(what)
        }
        redb::DatabaseError::Storage(redb::StorageError::Io(error))
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            OpenError::Damaged(error.to_string())
        }
        error => OpenError::Storage(storage(error)),
    }
}
