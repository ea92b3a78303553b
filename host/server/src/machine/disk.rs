//! The store's file.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use dormouse_store::seams::Disk;
use redb::StorageBackend;
use redb::backends::FileBackend;

/// The name of the file in the data directory.
const FILE: &str = "dormouse.redb";

/// How many threads read ahead. One does not keep a fast disk busy.
const READERS: u64 = 4;

/// How much each of them reads at a time.
const CHUNK: usize = 1 << 20;

/// A file in the data directory.
#[derive(Debug, Clone)]
pub struct FileDisk {
    path: PathBuf,
}

impl FileDisk {
    /// The store in this directory, which is made if it does not exist. Only its owner may look into it: the keys that
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
}

impl FileDisk {
    /// Has the file read in the background, for the sake of whoever is about to verify it: that goes from page to page
    /// in the order of keys, waits for the disk at each, and gets a tenth of what it can give. What is read stays in the
    /// memory that the operating system has to spare.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn read_ahead(&self) -> io::Result<()> {
        for first in 0..READERS {
            let path = self.path.clone();
            std::thread::Builder::new()
                .name("read-ahead".into())
                .spawn(move || {
                    // Whoever verifies the file meets the same error, and says so. A new host has none.
                    let _ = File::open(path).and_then(|file| read_every(&file, first));
                })?;
        }
        Ok(())
    }
}

/// Reads one chunk of as many as there are readers, up to the end of the file.
fn read_every(file: &impl FileExt, first: u64) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut offset = first * CHUNK as u64;
    while file.read_at(&mut chunk, offset)? > 0 {
        offset += READERS * CHUNK as u64;
    }
    Ok(())
}

/// The size of the store in this directory.
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A file that records what is read of it.
    struct Recorded {
        size: u64,
        read: RefCell<Vec<(u64, u64)>>,
    }

    impl FileExt for Recorded {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            let end = (offset + buf.len() as u64).min(self.size);
            if offset >= end {
                return Ok(0);
            }
            self.read.borrow_mut().push((offset, end));
            usize::try_from(end - offset).map_err(io::Error::other)
        }

        fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
            panic!("the store was written to");
        }
    }

    #[test]
    fn all_readers_together_read_each_byte_once() {
        let chunk = CHUNK as u64;
        for size in [0, 1, chunk, READERS * chunk, (3 * READERS + 2) * chunk + 5] {
            let file = Recorded {
                size,
                read: RefCell::default(),
            };
            for first in 0..READERS {
                read_every(&file, first).unwrap();
            }
            let mut read = file.read.into_inner();
            read.sort_unstable();
            let mut end = 0;
            for part in read {
                assert_eq!(part.0, end, "of {size}");
                end = part.1;
            }
            assert_eq!(end, size);
        }
    }

    #[test]
    fn a_store_that_is_not_there_yet_is_no_trouble_to_read_ahead() {
        let directory = tempfile::tempdir().unwrap();
        let disk = FileDisk::new(directory.path()).unwrap();
        disk.read_ahead().unwrap();
        assert!(store_size(directory.path()).is_err(), "it was made");
    }
}
