//! The equipment of every figure: the host's program, the workflow, a folder on the disk, and how thorough to be.

use std::path::PathBuf;

use crate::disk::{self, Sync};
use crate::dormant::Dormant;
use crate::host::Host;
use crate::report::FloorResults;

/// The equipment of every figure.
pub(crate) struct Lab {
    pub(crate) host: PathBuf,
    /// Another host's program, with which this one is compared.
    pub(crate) against: Option<PathBuf>,
    pub(crate) component: Vec<u8>,
    /// The workflow in each language. Rust is the first.
    pub(crate) languages: Vec<Language>,
    pub(crate) folder: PathBuf,
    pub(crate) repeats: usize,
    pub(crate) quick: bool,
    /// The duration of the sustained load, in minutes.
    pub(crate) minutes: u16,
    /// The duration of a sync before the figure that is being measured.
    pub(crate) sync: Sync,
    /// The host with many runs asleep. It takes long to make, and two figures use it.
    pub(crate) dormant: Option<Dormant>,
    /// The results of the smallest durable server on this machine.
    pub(crate) floor: Option<FloorResults>,
}

impl Lab {
    /// Starts a host with the workflow deployed, on an empty data directory.
    pub(crate) async fn start(&self, settings: &[&str]) -> anyhow::Result<Host> {
        let host = Host::start(&self.host, &self.folder, settings)?;
        host.deploy(&self.component).await?;
        Ok(host)
    }

    /// Returns one of two values, for a thorough or for a quick benchmark.
    pub(crate) fn choose<T>(&self, thorough: T, quick: T) -> T {
        if self.quick { quick } else { thorough }
    }

    /// Returns how many clients keep the host busy. More are needed if a commit takes longer.
    pub(crate) fn clients(&self) -> usize {
        if self.sync.p50 > 2.0 { 256 } else { 64 }
    }

    /// Measures the disk again.
    pub(crate) fn measure_sync(&mut self) -> anyhow::Result<()> {
        self.sync = disk::sync(&self.folder)?;
        Ok(())
    }
}

/// The workflow in one language.
pub(crate) struct Language {
    pub(crate) name: &'static str,
    /// The bytes that are uploaded: a component or a script.
    pub(crate) upload: Vec<u8>,
    pub(crate) content_type: &'static str,
}

impl Language {
    /// Returns another version of the program, which does the same.
    pub(crate) fn other(&self) -> Vec<u8> {
        let mut other = self.upload.clone();
        match self.content_type {
            // Adds a custom section, which has no effect.
            "application/wasm" => other.extend([0, 3, 1, b'x', 1]),
            _ => other.extend(b"\n// another version\n"),
        }
        other
    }
}
