//! Finds the compiler for guests.
//!
//! The usual way is rustup's target wasm32-unknown-unknown. If there is no rustup, or its server cannot be reached,
//! Debian's packages have a compiler and the sources of the standard library. A way that is installed already is
//! preferred to one that would have to be installed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use crate::command;
use crate::workspace::Workspace;

/// The target of guests.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The profile of guests: they are small, and compile fast. Function names are kept, since the backtrace of a trap has
/// them.
pub(crate) const PROFILE: [(&str, &str); 5] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_STRIP", "debuginfo"),
];

const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];

/// The folder of the standard library's sources in these packages.
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust";

/// The longest wait for rustup to download the target. It is long enough for a slow connection.
const RUSTUP_PATIENCE: Duration = Duration::from_secs(120);

/// The beginnings of the environment variables that any Cargo may see. The other variables that rustup, Cargo or a user
/// set are meant for rustup's compiler.
const KEPT_FOR_DEBIAN: [&str; 6] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
];

/// A way to compile guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The compiler of rustup, with the target added.
    Rustup,
    /// The compiler of Debian's packages, which also compiles the standard library.
    Debian,
}

impl Toolchain {
    /// Finds a toolchain, installs missing parts if that is possible, and prints what it installed.
    pub(crate) fn find() -> anyhow::Result<Self> {
        if has_rustup_target() {
            println!("guests: building with the installed target {TARGET}");
            return Ok(Self::Rustup);
        }
        if has_debian_packages() {
            println!("guests: no target {TARGET}; building with Debian's rustc-web");
            return Ok(Self::Debian);
        }
        println!("guests: no target {TARGET}; trying `rustup target add {TARGET}`");
        if add_rustup_target() {
            println!("guests: added it; building with it");
            return Ok(Self::Rustup);
        }
        let install = format!("apt-get install {}", DEBIAN_PACKAGES.join(" "));
        println!("guests: rustup cannot add it; trying `{install}`");
        if command::apt_install(&DEBIAN_PACKAGES) {
            println!("guests: installed them; building with Debian's rustc-web");
            return Ok(Self::Debian);
        }
        bail!(
            "guests cannot be built: run `rustup target add {TARGET}`, or on Debian as root `{install}`, and then \
             this again"
        )
    }

    /// Returns a `cargo build` for guests, still without the packages to build.
    pub(crate) fn cargo_build(self, workspace: &Workspace) -> Command {
        let mut cargo = match self {
            Self::Rustup => command::cargo(workspace),
            Self::Debian => debian_cargo(workspace),
        };
        cargo.args(["build", "--release", "--locked", "--target", TARGET]);
        cargo.args(["--config", &remapped_paths()]);
        if self == Self::Debian {
            cargo.arg("-Zbuild-std=std,panic_abort");
        }
        cargo.env("CARGO_TARGET_DIR", workspace.guests_build());
        cargo
    }
}

/// Returns a Cargo setting that removes local paths from components. A component has the names of source files for its
/// panics. With the paths of the builder's home, the same source would give another version on each machine.
fn remapped_paths() -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let registries = registries.into_iter().flatten().flatten();
    let mut folders: Vec<(PathBuf, &str)> = registries
        .map(|registry| (registry.path(), "/crates"))
        .collect();
    folders.push((PathBuf::from(DEBIAN_SOURCES), "/rust"));
    let flags: Vec<String> = folders
        .iter()
        .map(|(folder, name)| format!("'--remap-path-prefix={}={name}'", folder.display()))
        .collect();
    format!("target.{TARGET}.rustflags=[{}]", flags.join(","))
}

fn has_rustup_target() -> bool {
    let asked = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    asked.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout);
        output.status.success() && Path::new(folder.trim()).is_dir()
    })
}

fn add_rustup_target() -> bool {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]);
    command::succeeds_within(&mut rustup, RUSTUP_PATIENCE) && has_rustup_target()
}

fn has_debian_packages() -> bool {
    DEBIAN_PACKAGES.iter().all(|package| {
        let asked = Command::new("dpkg-query")
            .args(["--show", "--showformat", "${db:Status-Status}", package])
            .output();
        asked.is_ok_and(|output| output.stdout == b"installed")
    })
}

/// Returns Debian's Cargo. It finds its compiler on the PATH, where rustup's compiler would be first. A stable compiler
/// builds the standard library only if it is told to behave as an unstable one.
fn debian_cargo(workspace: &Workspace) -> Command {
    let mut cargo = Command::new("/usr/bin/cargo");
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let for_rust = name.starts_with("CARGO") || name.starts_with("RUST");
        if for_rust && !KEPT_FOR_DEBIAN.iter().any(|kept| name.starts_with(kept)) {
            cargo.env_remove(&*name);
        }
    }
    let mut path = std::ffi::OsString::from("/usr/bin:");
    path.push(env::var_os("PATH").unwrap_or_default());
    cargo
        .env_remove("LD_LIBRARY_PATH")
        .env("PATH", path)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19")
        .current_dir(workspace.root());
    cargo
}
