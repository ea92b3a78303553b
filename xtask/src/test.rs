//! Runs the tests.

use std::process::Command;

use anyhow::{Context, bail};

use crate::command::{cargo, run, succeeds};
use crate::guests;
use crate::packages;
use crate::python;
use crate::storm;
use crate::workspace::Workspace;

/// Runs all tests, or only the tests that the arguments for the test runner select. The other tests also run if one
/// fails.
pub(crate) fn test(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    build(workspace)?;
    let tests = run(runner(workspace).args(args)).context("tests failed");
    if !args.is_empty() {
        return tests;
    }
    let examples = run(&mut examples(workspace)).context("examples in the documentation failed");
    let failures: Vec<String> = [tests, examples, python::test(workspace)]
        .into_iter()
        .filter_map(|tested| tested.err().map(|error| format!("{error:#}")))
        .collect();
    if failures.is_empty() {
        return Ok(());
    }
    bail!("{}", failures.join(", and "))
}

/// Builds what the tests need: the guests, the host, the library that changes the host's date, and the tests
/// themselves. Installs the packages that workflows import.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    guests::build(workspace)?;
    packages::install(workspace)?;
    storm::build_clock(workspace, &[])?;
    build_programs(workspace)
}

/// Builds the programs and the tests. The tests start the host's program, which a test runner alone would not build.
fn build_programs(workspace: &Workspace) -> anyhow::Result<()> {
    let mut build = cargo(workspace);
    build.args(["build", "--workspace", "--locked", "--bins", "--tests"]);
    run(&mut build).context("the tests do not build")
}

/// Returns the test runner: cargo-nextest, which `.config/nextest.toml` tells to run all tests, or Cargo's own.
fn runner(workspace: &Workspace) -> Command {
    let mut runner = cargo(workspace);
    if succeeds(cargo(workspace).args(["nextest", "--version"])) {
        runner.args(["nextest", "run", "--workspace", "--locked"]);
        return runner;
    }
    println!(
        "tests: running them with cargo test; `cargo install --locked cargo-nextest` installs what runs them faster"
    );
    runner.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    runner.args(["--lib", "--bins", "--tests"]);
    runner
}

/// Returns the command that tests the examples in the documentation. Only the guest SDK has some. If all packages were
/// selected, Cargo would build every dependency of the host again for them.
fn examples(workspace: &Workspace) -> Command {
    let mut examples = cargo(workspace);
    examples.args([
        "test",
        "--package",
        "dormouse-sdk",
        "--locked",
        "--no-fail-fast",
        "--doc",
    ]);
    examples
}
