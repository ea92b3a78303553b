//! What every figure is measured with: the host's program, the workflow, a folder on the disk, and how thorough to be.

use std::path::PathBuf;

use crate::disk::{self, Sync};
use crate::dormant::Dormant;
use crate::host::Host;
use crate::report::Yardstick;

/// What every figure is measured with.
pub(crate) struct Lab {
    pub(crate) host: PathBuf,
    pub(crate) component: Vec<u8>,
    /// The workflow in each language, Rust first.
    pub(crate) languages: Vec<Language>,
    pub(crate) folder: PathBuf,
    pub(crate) repeats: usize,
    pub(crate) quick: bool,
    /// How long the sustained load lasts.
    pub(crate) minutes: u16,
    /// A sync of the disk, as it was before the figure that is being measured.
    pub(crate) sync: Sync,
    /// Many runs take long to make, and two figures are measured on them.
    pub(crate) dormant: Option<Dormant>,
    /// What the smallest durable server takes here.
    pub(crate) floor: Option<Yardstick>,
}

impl Lab {
    /// A host with the workflow deployed, on an empty data directory.
    pub(crate) async fn start(&self, settings: &[&str]) -> anyhow::Result<Host> {
        let host = Host::start(&self.host, &self.folder, settings)?;
        host.deploy(&self.component).await?;
        Ok(host)
    }

    /// One number in a thorough run, and another in a quick one.
    pub(crate) fn choose<T>(&self, thorough: T, quick: T) -> T {
        if self.quick { quick } else { thorough }
    }

    /// How many clients it takes to keep the host busy: more where a commit takes longer.
    pub(crate) fn clients(&self) -> usize {
        if self.sync.p50 > 2.0 { 256 } else { 64 }
    }

    /// Measures the disk anew.
    pub(crate) fn measure_sync(&mut self) -> anyhow::Result<()> {
        self.sync = disk::sync(&self.folder)?;
        Ok(())
    }
}

/// The workflow in one language.
pub(crate) struct Language {
    pub(crate) name: &'static str,
    /// What is uploaded: a component, or a script.
    pub(crate) upload: Vec<u8>,
    pub(crate) content_type: &'static str,
}

impl Language {
    /// The same as another version, which does the same.
    pub(crate) fn other(&self) -> Vec<u8> {
        let mut other = self.upload.clone();
        match self.content_type {
            // A custom section, which does nothing.
            "application/wasm" => other.extend([0, 3, 1, b'x', 1]),
            _ => other.extend(b"\n// another version\n"),
        }
        other
    }
}
