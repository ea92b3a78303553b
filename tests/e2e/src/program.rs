//! What was built to be tested: the program, and the guests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::patience::wait_until;

/// What every test's host is started with. Memory for few instances is reserved in less time than for thousands.
pub(crate) const ALWAYS: [&str; 4] = ["--instances", "64", "--store-cache", "16MiB"];

/// What the environment of every test's host says: limits of processor time that no good guest reaches, on whatever
/// machine. A test that is about such a limit sets its own.
pub(crate) const UNHURRIED: [(&str, &str); 2] = [
    ("DORMOUSE_CPU_LIMIT", "10m"),
    ("DORMOUSE_COMPILE_TIME_LIMIT", "10m"),
];

/// Starts a host that must refuse to start, and gives what it says.
///
/// # Panics
/// When it does not end, or ends as if all were well.
#[track_caller]
pub fn refuse_to_start(data_dir: &Path, settings: &[&str]) -> String {
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
    let mut child = Stopped(command.spawn().unwrap());
    let status = wait_until("a host that refuses to start", || {
        child.0.try_wait().unwrap()
    });
    assert!(!status.success());
    std::io::read_to_string(child.0.stderr.take().unwrap()).unwrap()
}

/// A process that does not outlive its owner.
#[derive(Debug)]
pub(crate) struct Stopped(pub(crate) Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may have ended by itself, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program under test, in an environment that says nothing.
pub(crate) fn program() -> Command {
    program_named("dormouse")
}

/// Any program of the workspace, in an environment that says nothing.
pub(crate) fn program_named(name: &str) -> Command {
    let mut command = Command::new(built(&format!("debug/{name}")));
    command.env_clear();
    command
}

/// A guest as it was built.
///
/// # Panics
/// When it was not.
#[must_use]
pub fn guest(name: &str) -> Vec<u8> {
    fs::read(guest_file(name)).unwrap()
}

/// Where that lies.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn guest_file(name: &str) -> PathBuf {
    built(&format!("guests/{name}.wasm"))
}

/// Something in the target folder, in which the test itself lies as `debug/deps/NAME`.
fn built(path: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let file = target.join(path);
    assert!(
        file.is_file(),
        "{} is missing: run `cargo xtask test`, which builds it",
        file.display()
    );
    file
}
