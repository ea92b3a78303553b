//! The reserve: a file that keeps space for housekeeping, and for a start on a full disk.
//!
//! The file's blocks are really allocated, so that nobody else can have them. The first write that finds the disk full
//! removes the file, and it is made again when there is room. The freed space is enough for the operations that make
//! more room: removing what has expired, cancelling runs, deleting workflows.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

/// The name of the file in the data directory.
const FILE: &str = "dormouse.reserve";

/// The number of bytes that are written at once, if the file system allocates nothing without a write.
const PIECE: u64 = 1 << 20;

/// The reserve of a data directory.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    /// The size of the reserve in bytes.
    bytes: Mutex<u64>,
}

impl Reserve {
    /// Returns the reserve as an earlier host left it.
    pub(crate) fn find(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let bytes = std::fs::metadata(&path).map_or(0, |found| allocated(&found));
        Reserve {
            path,
            bytes: Mutex::new(bytes),
        }
    }

    /// Returns the size of the reserve in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        *self.lock()
    }

    /// Returns all of the reserve to the disk. Returns true if there was any.
    pub(crate) fn give_up(&self) -> bool {
        let mut bytes = self.lock();
        if *bytes == 0 {
            return false;
        }
        match std::fs::remove_file(&self.path) {
            Ok(()) => {
                *bytes = 0;
                true
            }
            Err(error) => {
                tracing::error!(%error, "the reserve of the disk could not be freed");
                false
            }
        }
    }

    /// Sets the size of the reserve.
    ///
    /// # Errors
    /// When the disk does not have the space. The reserve is then as before.
    pub(crate) fn make(&self, wanted: u64) -> io::Result<()> {
        let mut bytes = self.lock();
        if wanted == 0 {
            match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => *bytes = 0,
            }
            return Ok(());
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&self.path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        let had = *bytes;
        let grown = if wanted > had {
            allocate(&file, had, wanted)
        } else {
            file.set_len(wanted)
        };
        if let Err(error) = grown {
            // The part that was allocated is useless.
            let _ = if had == 0 {
                std::fs::remove_file(&self.path)
            } else {
                file.set_len(had)
            };
            return Err(error);
        }
        // Without a sync, a crash could undo the allocation, and the space would be missing when it is needed.
        file.sync_all()?;
        *bytes = allocated(&file.metadata()?);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns how many bytes of a file are allocated on the disk.
fn allocated(file: &std::fs::Metadata) -> u64 {
    file.len().min(file.blocks().saturating_mul(512))
}

/// Allocates the blocks of a file up to this length.
fn allocate(file: &File, from: u64, to: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, to) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write(file, from, to),
        Err(error) => Err(error.into()),
    }
}

/// Writes bytes that no file system can leave out: they do not repeat within a block.
fn write(mut file: &File, from: u64, to: u64) -> io::Result<()> {
    use std::io::Seek as _;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut noise = Vec::new();
    file.seek(io::SeekFrom::Start(from))?;
    let mut left = to - from;
    while left > 0 {
        noise.clear();
        while (noise.len() as u64) < left.min(PIECE) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            noise.extend_from_slice(&state.to_le_bytes());
        }
        file.write_all(&noise)?;
        left = left.saturating_sub(noise.len() as u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_disk(directory: &Path) -> Option<u64> {
        let found = std::fs::metadata(directory.join(FILE)).ok()?;
        Some(found.blocks() * 512)
    }

    #[test]
    fn it_takes_space_until_it_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::find(folder.path());
        assert!(!reserve.give_up(), "there is nothing to give");
        reserve.make(3 << 20).unwrap();
        assert!(
            on_disk(folder.path()).unwrap() >= 3 << 20,
            "it is not sparse"
        );
        assert_eq!(Reserve::find(folder.path()).bytes(), 3 << 20);
        reserve.make(1 << 20).unwrap();
        assert_eq!(reserve.bytes(), 1 << 20);
        assert!(reserve.give_up());
        assert_eq!((reserve.bytes(), on_disk(folder.path())), (0, None));
        reserve.make(0).unwrap();
    }

    #[test]
    fn where_nothing_is_allocated_without_writing_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join(FILE)).unwrap();
        write(&file, 0, (2 << 20) + 8).unwrap();
        assert_eq!(file.metadata().unwrap().len(), (2 << 20) + 8);
        assert!(on_disk(folder.path()).unwrap() >= 2 << 20);
    }

    #[test]
    fn a_disk_that_does_not_have_it_keeps_what_there_was() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::find(folder.path());
        reserve.make(1 << 60).unwrap_err();
        assert_eq!((reserve.bytes(), on_disk(folder.path())), (0, None));
    }
}
