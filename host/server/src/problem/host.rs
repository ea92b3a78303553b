//! Problems of the host itself: its disk, its store, a start or a stop. The log has more than the caller is
//! told.

use dormouse_runtime::Unavailable;
use dormouse_store::{BackupError, ReadError, WriteError};
use http::StatusCode;

use super::{Problem, RETRY_RESTART, RETRY_ROOM};
use crate::health::Degraded;

impl Problem {
    /// The host takes no work now, for this reason. `degraded` are the parts that do not work properly.
    #[must_use]
    pub fn not_ready(why: &str, degraded: &[Degraded]) -> Self {
        let mut detail = why.to_owned();
        for degraded in degraded {
            detail += &format!(
                "; degraded: {} ({})",
                degraded.name(),
                degraded.explanation()
            );
        }
        Problem::unavailable("not-ready", &detail, RETRY_RESTART)
    }

    /// Another backup is under way. There is one at a time.
    #[must_use]
    pub fn backup_running() -> Self {
        let detail = "another backup is being made or fetched; try again when it is done";
        Problem::new(StatusCode::CONFLICT, "backup-running", detail)
    }

    /// No backup was made of a store of this size.
    #[must_use]
    pub fn no_backup(error: BackupError, size: u64) -> Self {
        match error {
            BackupError::Read(error) => error.into(),
            BackupError::Full => {
                tracing::warn!(%error, size, "a backup was refused");
                let detail = format!(
                    "a backup needs up to {size} bytes, as much as the store, on the disk of the data directory until it \
                     was fetched, beside the space that the setting `disk-reserve` keeps free; make room on that disk"
                );
                Problem::unavailable("disk-full", &detail, RETRY_ROOM)
            }
            // Only a stopping host sends this answer: a client that gave up is gone.
            BackupError::GivenUp => stopping(),
            BackupError::Copy(_) => {
                tracing::error!(%error, "a backup failed");
                Problem::backup_failed()
            }
        }
    }

    /// The file of a backup could not be used.
    #[must_use]
    pub fn backup_failed() -> Self {
        let detail = "the host could not write the copy; its log says why";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "backup-failed", detail)
    }
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        match error {
            Unavailable::Write(error) => error.into(),
            Unavailable::Read(error) => error.into(),
            Unavailable::Stopping => stopping(),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Full => {
                tracing::warn!(%error, "a write was refused");
                let detail =
                    "the disk of the host is full, and nothing was written; try again later";
                Problem::unavailable("disk-full", detail, RETRY_ROOM)
            }
            WriteError::Row(error) => error.into(),
            WriteError::Failed(_) => {
                tracing::error!(%error, "a write failed");
                let detail =
                    "the host's disk failed, and nothing was written; the host is about to stop";
                Problem::unavailable("store-failed", detail, RETRY_RESTART)
            }
            WriteError::Panicked => {
                tracing::error!(%error, "a write failed");
                let detail =
                    "the host has an internal fault, and nothing was written; its log says which";
                Problem::unavailable("internal-fault", detail, RETRY_RESTART)
            }
            WriteError::Stopped => stopping(),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "a read failed");
        match error {
            ReadError::Storage(_) => {
                let detail = "the host's store could not be read; its log says why";
                Problem::unavailable("store-failed", detail, RETRY_RESTART)
            }
            ReadError::Row { .. } | ReadError::Key { .. } | ReadError::Missing { .. } => {
                let detail = "a row that this needs is damaged in the host's store; the host's log says in which table";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store-damaged", detail)
            }
        }
    }
}

fn stopping() -> Problem {
    let detail = "the host is stopping; try again when it is back";
    Problem::unavailable("stopping", detail, RETRY_RESTART)
}

#[cfg(test)]
mod tests {
    use dormouse_store::StorageError;

    use super::*;
    use crate::problem::tests::check;

    fn disk_error() -> StorageError {
        StorageError::new(std::io::Error::other("/dev/sda1: input/output error"))
    }

    #[test]
    fn trouble_of_the_host_is_answered_as_unavailable() {
        check(Unavailable::Stopping, 503, "stopping");
        check(WriteError::Stopped, 503, "stopping");
        check(WriteError::Full, 503, "disk-full");
        check(WriteError::Panicked, 503, "internal-fault");
        check(WriteError::Failed(disk_error()), 503, "store-failed");
        check(Unavailable::Write(WriteError::Full), 503, "disk-full");
        check(
            Unavailable::Read(ReadError::Storage(disk_error())),
            503,
            "store-failed",
        );
    }

    #[test]
    fn internal_faults_are_not_described_to_callers() {
        for problem in [
            Problem::from(WriteError::Failed(disk_error())),
            ReadError::Storage(disk_error()).into(),
        ] {
            assert!(!problem.detail.contains("/dev/sda1"), "{}", problem.detail);
        }
    }
}
