//! Running the tests.

use std::process::Command;

use anyhow::{Context, bail};

use crate::command::{cargo, run, succeeds};
use crate::guests;
use crate::packages;
use crate::python;
use crate::storm;
use crate::workspace::Workspace;

/// Runs every test, or with arguments for the test runner, those that they select. A failure of one does not keep
/// another from running.
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

/// Builds what the tests need: the guests, the host, what moves its clock, and the tests themselves. Packages that workflows
/// import are installed.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    guests::build(workspace)?;
    packages::install(workspace)?;
    storm::build_clock(workspace, &[])?;
    build_programs(workspace)
}

/// The tests start the host's program, which a test runner alone would not build.
fn build_programs(workspace: &Workspace) -> anyhow::Result<()> {
    let mut build = cargo(workspace);
    build.args(["build", "--workspace", "--locked", "--bins", "--tests"]);
    run(&mut build).context("the tests do not build")
}

/// cargo-nextest, which `.config/nextest.toml` tells to run all tests, or Cargo's own runner.
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

/// The examples in the documentation. Only the guests' SDK has some. With all packages selected, Cargo would build every
/// dependency of the host again for them.
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
