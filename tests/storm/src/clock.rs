//! The date that the host sees. A file, which the preloaded library maps, says by how much the date is ahead.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The variable that tells the library the path of the file.
pub(crate) const VARIABLE: &str = "DORMOUSE_STORM_CLOCK";

/// The file with the change of the date.
#[derive(Debug)]
pub(crate) struct Clock {
    file: File,
    path: PathBuf,
}

impl Clock {
    /// Makes the file, with an unchanged date.
    pub(crate) fn new(path: PathBuf) -> io::Result<Self> {
        let file = File::create_new(&path)?;
        let clock = Clock { file, path };
        clock.set_ahead(0)?;
        Ok(clock)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Sets the date to this many seconds ahead of the machine's, or behind it if the number is negative. The host
    /// sees the change the next time it reads the date.
    pub(crate) fn set_ahead(&self, seconds: i64) -> io::Result<()> {
        let nanoseconds = seconds.saturating_mul(1_000_000_000);
        self.file.write_all_at(&nanoseconds.to_ne_bytes(), 0)
    }
}
