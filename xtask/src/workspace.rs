//! Where things are in this repository.

use std::env;
use std::path::{Path, PathBuf};

/// The repository that this program was built from.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Cargo says where this package is when it runs it. What it said at compile time may be another copy of the
    /// repository, when both are built into one folder.
    pub(crate) fn here() -> Self {
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        Self {
            root: package.parent().unwrap_or(&package).to_owned(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The contract.
    pub(crate) fn wit(&self) -> PathBuf {
        self.root.join("wit")
    }

    /// The folders that hold a folder for each guest, named as the guest is.
    pub(crate) fn guest_sources(&self) -> [PathBuf; 2] {
        [self.root.join("examples"), self.root.join("tests/guests")]
    }

    /// Whatever is built. Never another folder: the commands promise where they leave things.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Where the guests' own builds happen, apart from the host's since the compiler may be another one.
    pub(crate) fn guests_build(&self) -> PathBuf {
        self.target().join("guests-build")
    }

    /// The finished component of a guest.
    pub(crate) fn guest(&self, name: &str) -> PathBuf {
        self.target().join("guests").join(format!("{name}.wasm"))
    }

    /// The host as `build` leaves it.
    pub(crate) fn host(&self) -> PathBuf {
        self.target().join("release/dormouse")
    }

    /// The host as `test` and `demo` leave it.
    pub(crate) fn tested_host(&self) -> PathBuf {
        self.target().join("debug/dormouse")
    }
}
