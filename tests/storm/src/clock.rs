//! The date that the host sees: a file that holds by how much it is ahead, which the preloaded library maps.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The variable that names the file to the library.
pub(crate) const VARIABLE: &str = "DORMOUSE_STORM_CLOCK";

/// The file.
#[derive(Debug)]
pub(crate) struct Clock {
    file: File,
    path: PathBuf,
}

impl Clock {
    /// Makes the file, with a date that is not moved.
    pub(crate) fn new(path: PathBuf) -> io::Result<Self> {
        let file = File::create_new(&path)?;
        let clock = Clock { file, path };
        clock.set_ahead(0)?;
        Ok(clock)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the date to so many seconds ahead of the machine's, or behind it. The host sees it with its next look.
    pub(crate) fn set_ahead(&self, seconds: i64) -> io::Result<()> {
        let nanoseconds = seconds.saturating_mul(1_000_000_000);
        self.file.write_all_at(&nanoseconds.to_ne_bytes(), 0)
    }
}
