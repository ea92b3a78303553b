//! A short storm against the host of the tests. It checks deliveries and that the host survives, but no times.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what fails in a helper fails the test, which shows it"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The acts that test the most in little time. The other acts take minutes.
const ACTS: &str =
    "kill,stop,term,clock-forward,clock-year,ended-runs,half-bodies,grow,compute,timers,disk";

/// Returns a path in the target folder. The test itself is there, as `debug/deps/NAME`.
fn built(path: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let file = test.ancestors().nth(3).unwrap().join(path);
    assert!(
        file.is_file(),
        "{} is missing: run `cargo xtask test`, which builds it",
        file.display()
    );
    file
}

/// Runs the storm in this folder.
fn storm(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dormouse-storm"))
        .arg("--host")
        .arg(built("debug/dormouse"))
        .arg("--clock")
        .arg(built("debug/libdormouse_storm_clock.so"))
        .arg("--guest")
        .arg(built("guests/script.wasm"))
        .arg("--folder")
        .arg(folder)
        // On a slow and busy machine, steps that usually take seconds may take minutes.
        .arg("--patience=600")
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_short_storm_takes_nothing_from_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    let output = storm(folder.path(), &["--minutes=1", "--only", ACTS]);
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("the host sees a step of its clock"), "{said}");

    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(
        !mounts.contains(folder.path().to_str().unwrap()),
        "a disk is left: {mounts}"
    );
    let left: Vec<_> = folder.path().read_dir().unwrap().collect();
    assert!(left.is_empty(), "something is left: {left:?}");
}

#[test]
fn acts_are_listed_without_a_host() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dormouse-storm"));
    let output = command.arg("--list").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    for act in ACTS.split(',') {
        let is_listed = said.lines().any(|line| line.split(' ').next() == Some(act));
        assert!(is_listed, "{act} is not in {said}");
    }
}
