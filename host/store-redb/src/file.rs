//! The store's file.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::Disk;

/// The name of the file in the data directory.
const FILE: &str = "dormouse.redb";

/// A file in the data directory.
#[derive(Debug, Clone)]
pub struct FileDisk {
    path: PathBuf,
}

impl FileDisk {
    /// Returns the store in this directory, which is made if it does not exist. Only its owner may look into it: the keys that
    /// make webhook tokens lie there.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(directory: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        Ok(FileDisk {
            path: directory.join(FILE),
        })
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
        let backend = FileBackend::new(file).map_err(io::Error::other)?;
        let database = redb::Database::builder()
            .create_with_backend(backend)
            .map_err(io::Error::other)?;
        drop(database);
        std::fs::rename(&unfinished, &self.path)?;
        File::open(self.directory())?.sync_all()
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }
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
        let stat = rustix::fs::statvfs(self.directory())?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}
