//! The store's file.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dormouse_store::OpenError;
use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::Disk;
use crate::reserve::Reserve;

/// The name of the file in the data directory.
const FILE: &str = "dormouse.redb";

/// A file in the data directory, which is locked as long as this or a clone of it lives.
#[derive(Debug, Clone)]
pub struct FileDisk {
    path: PathBuf,
    /// The data directory, open and locked. The system takes the lock away when the process ends, however it does.
    folder: Arc<File>,
    reserve: Arc<Reserve>,
}

impl FileDisk {
    /// Returns the store in this directory, which is made if it does not exist. Only its owner may look into it: the keys that
    /// make webhook tokens lie there.
    ///
    /// The directory is locked before anything in it is made, read or renamed: of two hosts that start at once on a new
    /// directory, one would otherwise take away the file that the other has just made. What is locked is the directory and
    /// no file in it, so that this needs no space on a full disk.
    ///
    /// # Errors
    /// When the directory cannot be made or locked, or another host works in it.
    pub fn new(directory: &Path) -> Result<Self, OpenError> {
        make_private(directory).map_err(|error| told("cannot be made", &error))?;
        let folder = File::open(directory).map_err(|error| told("cannot be opened", &error))?;
        match folder.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse),
            Err(TryLockError::Error(error)) => {
                return Err(told("cannot be locked", &error).into());
            }
        }
        Ok(FileDisk {
            path: directory.join(FILE),
            folder: Arc::new(folder),
            reserve: Arc::new(Reserve::find(directory)),
        })
    }

    /// Returns how many bytes the disk has in all, for this and everything else.
    ///
    /// # Errors
    /// When it does not say.
    pub fn capacity(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.folder)?;
        Ok(stat.f_blocks.saturating_mul(stat.f_frsize))
    }

    /// Returns where the file is, or will be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns the size of the store in this directory.
///
/// # Errors
/// When there is none.
pub fn store_size(directory: &Path) -> io::Result<u64> {
    Ok(std::fs::metadata(directory.join(FILE))?.len())
}

impl FileDisk {
    /// Makes a new store under another name, and gives it its own when it is whole: a file that a crash left half made
    /// would be refused by every later start.
    fn create(&self) -> io::Result<()> {
        let unfinished = self.path.with_extension("unfinished");
        let file = open_file(OpenOptions::new().create(true).truncate(true), &unfinished)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        let backend = FileBackend::new(file).map_err(io::Error::other)?;
        let database = redb::Database::builder()
            .create_with_backend(backend)
            .map_err(io::Error::other)?;
        drop(database);
        std::fs::rename(&unfinished, &self.path)?;
        self.folder.sync_all()
    }
}

/// Makes a directory for its owner alone, whatever this process takes away of the permissions of what it makes. One that
/// exists stays as it is.
fn make_private(directory: &Path) -> io::Result<()> {
    if directory.try_exists()? {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(directory)?;
    std::fs::set_permissions(directory, Permissions::from_mode(0o700))
}

/// Says what could not be done with the data directory.
fn told(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the data directory {what}: {error}"))
}

fn open_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.read(true).write(true).mode(0o600).open(path)
}

impl Disk for FileDisk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        if !self.path.try_exists()? {
            self.create()?;
        }
        let file = open_file(&mut OpenOptions::new(), &self.path)?;
        // To redb that is a new store, and all that was acknowledged would be gone without a word.
        if file.metadata()?.len() == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{FILE} is empty, which no host leaves: put a backup in its place, or remove it to begin anew"
                ),
            ));
        }
        let backend = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Box::new(backend))
    }

    fn available(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.folder)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn occupied(&self) -> io::Result<u64> {
        let found = std::fs::metadata(&self.path)?;
        Ok(found.blocks().saturating_mul(512))
    }

    fn reserved(&self) -> u64 {
        self.reserve.bytes()
    }

    fn make_reserve(&self, bytes: u64) -> io::Result<()> {
        self.reserve.make(bytes)
    }

    fn give_up_reserve(&self) -> bool {
        self.reserve.give_up()
    }
}
