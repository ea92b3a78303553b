//! The paths in this repository.

use std::env;
use std::path::{Path, PathBuf};

/// The repository from which this program was built.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Returns the repository. At run time, Cargo sets the folder of this package. The folder of compile time
    /// may be another copy of the repository, if both copies are built into one target folder.
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

    /// Returns the folder of the contract between host and guest.
    pub(crate) fn wit(&self) -> PathBuf {
        self.root.join("wit")
    }

    /// Returns the folders that contain a folder for each guest. The folder of a guest has the guest's name.
    pub(crate) fn guest_sources(&self) -> [PathBuf; 2] {
        [self.root.join("examples"), self.root.join("tests/guests")]
    }

    /// Returns the folder of all build output. It is always the same folder, since the help of the commands
    /// names it.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Returns the folder in which guests are built. It is not the host's, since the compiler may be another
    /// one.
    pub(crate) fn guests_build(&self) -> PathBuf {
        self.target().join("guests-build")
    }

    /// Returns the path of the finished component of a guest.
    pub(crate) fn guest(&self, name: &str) -> PathBuf {
        self.target().join("guests").join(format!("{name}.wasm"))
    }

    /// Returns the path of the host that `build` makes.
    pub(crate) fn host(&self) -> PathBuf {
        self.target().join("release/dormouse")
    }

    /// Returns the path of the host that `test` and `demo` make.
    pub(crate) fn tested_host(&self) -> PathBuf {
        self.target().join("debug/dormouse")
    }
}
