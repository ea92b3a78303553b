//! A file without a name, for a copy of the store.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// The name that the file has for a moment.
const FILE: &str = "dormouse.backup";

/// A file in the data directory that is removed when it is closed, whatever happens to the process. It contains keys,
/// like the store, and only its owner can open it.
///
/// It is never synced, so a crash removes all of it.
#[derive(Debug, Clone)]
pub struct Scratch {
    file: Arc<File>,
}

impl Scratch {
    /// Creates an empty file. There may be only one at a time in a directory.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn new(directory: &Path) -> io::Result<Self> {
        let path = directory.join(FILE);
        // A process that was killed between making and removing the file has left one.
        remove(&path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        remove(&path)?;
        Ok(Scratch {
            file: Arc::new(file),
        })
    }

    /// Returns the file, positioned at its beginning.
    ///
    /// # Errors
    /// When the process has too many files open.
    pub fn reader(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn it_has_no_name_also_after_one_that_was_left() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE), "left").unwrap();
        let scratch = Scratch::new(directory.path()).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        scratch.reader().unwrap().write_all_at(b"abc", 3).unwrap();
        let read = io::read_to_string(scratch.reader().unwrap()).unwrap();
        assert_eq!(read, "\0\0\0abc");
    }
}
