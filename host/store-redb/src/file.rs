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

/// A file in the data directory, which is locked as long as this or a clone of it exists.
#[derive(Debug, Clone)]
pub struct FileDisk {
    path: PathBuf,
    /// The data directory, open and locked. The system releases the lock when the process ends in any way.
    folder: Arc<File>,
    reserve: Arc<Reserve>,
}

impl FileDisk {
    /// Opens the store's place in this directory, which is made if it does not exist. Only its owner can open it,
    /// because it contains the keys that make webhook tokens.
    ///
    /// The directory is locked before anything in it is made, read or renamed. Otherwise, of two hosts that start at
    /// once on a new directory, one could remove the file that the other has just made. The directory itself is locked
    /// and no file in it, so that this needs no space on a full disk.
    ///
    /// # Errors
    /// When the directory cannot be made or locked, or another host uses it.
    pub fn new(directory: &Path) -> Result<Self, OpenError> {
        make_private(directory).map_err(|error| told("cannot be made", &error))?;
        let folder = File::open(directory).map_err(|error| told("cannot be opened", &error))?;
        if !folder.metadata()?.is_dir() {
            let error = io::ErrorKind::NotADirectory.into();
            return Err(told("cannot be used", &error).into());
        }
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

    /// Returns the size of the disk in bytes.
    ///
    /// # Errors
    /// When the disk does not tell.
    pub fn capacity(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.folder)?;
        Ok(stat.f_blocks.saturating_mul(stat.f_frsize))
    }

    /// Returns the path of the file, which may not exist yet.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns the size of the store in this directory.
///
/// # Errors
/// When there is no store.
pub fn store_size(directory: &Path) -> io::Result<u64> {
    Ok(std::fs::metadata(directory.join(FILE))?.len())
}

impl FileDisk {
    /// Makes a new store under another name, and renames it when it is complete: every later start would refuse a file
    /// that a crash left incomplete.
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

/// Makes a directory that only its owner can open, whatever the process's umask. An existing directory stays as it is.
fn make_private(directory: &Path) -> io::Result<()> {
    if directory.try_exists()? {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(directory)?;
    std::fs::set_permissions(directory, Permissions::from_mode(0o700))
}

/// Returns the error for something that could not be done with the data directory.
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
        // redb would take an empty file for a new store, and everything that was acknowledged would be lost without
        // notice.
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
