//! The disk under the data directory: how long a sync takes, and how fast the disk reads. The disk is measured in the
//! same run as all figures, since a figure of a durable host means nothing without it.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::fs::{Advice, fadvise};

use crate::statistics::percentile;
use crate::time::{Moment, millis};

/// The size of the store's pages, in bytes.
const PAGE: usize = 4096;
const SYNCS: usize = 200;

/// The duration of fdatasync after a page was overwritten, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sync {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// A file to measure syncs with, which the host does not use.
pub(crate) struct Probe {
    file: File,
    /// The duration of each sync, in milliseconds.
    times: Vec<f64>,
}

impl Probe {
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        let file = tempfile::tempfile_in(folder)
            .with_context(|| format!("cannot make a file in {}", folder.display()))?;
        // The file's length must not change, since a commit of the store also writes into a file that has grown
        // before.
        file.write_all_at(&[0; PAGE], 0)?;
        file.sync_all()?;
        Ok(Probe {
            file,
            times: Vec::new(),
        })
    }

    /// Overwrites a page and syncs it.
    pub(crate) fn sync(&mut self) -> anyhow::Result<()> {
        let began = Moment::now();
        self.file.write_all_at(&[0x5a; PAGE], 0)?;
        self.file.sync_data()?;
        self.times.push(millis(began.elapsed()));
        Ok(())
    }

    pub(crate) fn result(mut self) -> Sync {
        Sync {
            p50: percentile(&mut self.times, 50.0),
            p99: percentile(&mut self.times, 99.0),
        }
    }
}

/// Measures many syncs, one after the other, and returns their percentiles.
pub(crate) fn sync(folder: &Path) -> anyhow::Result<Sync> {
    let mut probe = Probe::new(folder)?;
    for _ in 0..SYNCS {
        probe.sync()?;
    }
    Ok(probe.result())
}

/// Makes the kernel drop a file from its cache, so that the file is read from the disk again.
pub(crate) fn forget(file: &Path) -> anyhow::Result<()> {
    let file = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    // The kernel drops only pages that were written to the disk.
    file.sync_all()?;
    fadvise(&file, 0, None, Advice::DontNeed).context("the kernel does not forget a file")?;
    Ok(())
}

/// Reads a file from the disk, from its beginning to its end, and returns how long that took.
pub(crate) fn read_through(path: &Path) -> anyhow::Result<Duration> {
    forget(path)?;
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let began = Moment::now();
    while file.read(&mut buffer)? > 0 {}
    Ok(began.elapsed())
}
