//! Builds the project's own commands, which are the program `xtask`, and then executes that program in place of this
//! one.
//!
//! `cargo run --package xtask` would choose the features of dependencies for that package alone, so most dependencies
//! would be built a second time for the host and the tests. This program has no dependencies.

#![allow(
    clippy::print_stderr,
    reason = "a command line's output is for the person in front of it"
)]

use std::env;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// If all packages are selected and a test is among the targets, Cargo chooses the same features as for the tests.
/// `xtask/src/build.rs` builds the host in the same way.
const BUILD: &str = "build --workspace --locked --bin xtask --test repository";

fn main() -> ExitCode {
    // At run time, Cargo sets the folder of this package. The folder of compile time may be another copy of the
    // repository.
    let here = env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    match start(here.ancestors().nth(2).unwrap_or(&here)) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: the commands cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds and executes the commands. Returns only if the build fails, in which case Cargo has shown the errors, or if
/// the program cannot be executed.
fn start(root: &Path) -> std::io::Result<ExitCode> {
    let target = root.join("target");
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(BUILD.split(' ')).current_dir(root);
    build.env("CARGO_TARGET_DIR", &target);
    // These variables name the package that Cargo runs. Build scripts that depend on them would run again for each
    // package, and everything that depends on those scripts would be built again. `xtask/src/command.rs` removes them
    // too.
    for (name, _) in env::vars_os() {
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(b"CARGO_PKG_") || bytes.starts_with(b"CARGO_MANIFEST_") {
            build.env_remove(name);
        }
    }
    if !build.status()?.success() {
        return Ok(ExitCode::FAILURE);
    }
    let mut commands = Command::new(target.join("debug/xtask"));
    commands.env("CARGO_MANIFEST_DIR", root.join("xtask"));
    Err(commands.args(env::args_os().skip(1)).exec())
}
