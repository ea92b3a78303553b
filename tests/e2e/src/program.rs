//! The built programs and guests that are tested.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dormouse_harness::ChildGuard;

use crate::waiting::wait_until;

/// The program under test.
const PROGRAM: &str = "dormouse";

/// The settings of every test's host. Memory for few instances is reserved faster than for thousands.
pub(crate) const ALWAYS: [&str; 4] = ["--instances", "64", "--store-cache", "16MiB"];

/// The environment of every test's host. No good guest reaches these limits of processor time on any machine. A test of
/// such a limit sets its own.
pub(crate) const UNHURRIED: [(&str, &str); 3] = [
    // Most tests that break a run are about how the run fails.
    ("DORMOUSE_WHEN_BROKEN", "fail"),
    ("DORMOUSE_CPU_LIMIT", "10m"),
    ("DORMOUSE_COMPILE_TIME_LIMIT", "10m"),
];

/// Starts a host that must refuse to start. Returns what it writes to standard error.
///
/// # Panics
/// If it does not end, or ends with success.
#[track_caller]
pub fn refuse_to_start(data_dir: &Path, settings: &[&str]) -> String {
    let mut command = serve_command(data_dir, settings);
    let mut process = ChildGuard::spawn(&mut command).unwrap();
    let child = process.child();
    let status = wait_until("a host that refuses to start", || child.try_wait().unwrap());
    assert!(!status.success());
    std::io::read_to_string(child.stderr.take().unwrap()).unwrap()
}

/// Makes a directory that only its owner can read, as a data directory must be.
///
/// # Panics
/// If it cannot be made.
pub fn make_private(directory: &Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(directory).unwrap();
}

/// Returns a command that runs a host, whose log goes to a pipe.
#[must_use]
pub fn serve_command(data_dir: &Path, settings: &[&str]) -> Command {
    let mut command = program();
    command
        .args(["serve", "--data-dir"])
        .arg(data_dir)
        .args(ALWAYS)
        .args(settings);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Returns a command that runs the program under test, with an empty environment.
pub(crate) fn program() -> Command {
    program_named(PROGRAM)
}

/// Returns a command that runs a program of the workspace, with an empty environment.
pub(crate) fn program_named(name: &str) -> Command {
    let mut command = Command::new(file_of(name));
    command.env_clear();
    command
}

/// Returns the file of the program under test.
///
/// # Panics
/// If it was not built.
pub(crate) fn program_file() -> PathBuf {
    file_of(PROGRAM)
}

fn file_of(program: &str) -> PathBuf {
    found(test().ancestors().nth(2).unwrap().join(program))
}

/// Returns the bytes of a guest.
///
/// # Panics
/// If the guest was not built.
#[must_use]
pub fn guest(name: &str) -> Vec<u8> {
    fs::read(guest_file(name)).unwrap()
}

/// Returns the path of a guest.
///
/// # Panics
/// If the guest was not built.
#[must_use]
pub fn guest_file(name: &str) -> PathBuf {
    built(&format!("guests/{name}.wasm"))
}

/// Returns a path in the target folder.
fn built(path: &str) -> PathBuf {
    found(test().ancestors().nth(3).unwrap().join(path))
}

/// Returns the path of the test itself, which is `PROFILE/deps/NAME` in the target folder. Programs are in `PROFILE`,
/// so a test that was built for release also runs programs that were built for release.
fn test() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn found(file: PathBuf) -> PathBuf {
    assert!(
        file.is_file(),
        "{} is missing: run `cargo xtask test`, which builds it, or `cargo xtask build` for the released host",
        file.display()
    );
    file
}
