//! Running the tests.

use std::process::Command;

use anyhow::Context;

use crate::command::{cargo, run, succeeds};
use crate::guests;
use crate::workspace::Workspace;

/// Runs every test, or with arguments for the test runner, those that they select.
pub(crate) fn test(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    build(workspace)?;
    if args.is_empty() {
        let mut documentation = cargo(workspace);
        documentation.args(["test", "--workspace", "--locked", "--doc"]);
        run(&mut documentation).context("examples in the documentation failed")?;
    }
    run(runner(workspace).args(args)).context("tests failed")
}

/// Builds what the tests need: the guests, the host and the tests themselves.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    guests::build(workspace)?;
    build_programs(workspace)
}

/// The tests start the host's program, which a test runner alone would not build. Programs and tests are built by one
/// command, so that they share every dependency with the same features: building wasmtime twice takes minutes.
fn build_programs(workspace: &Workspace) -> anyhow::Result<()> {
    let mut build = cargo(workspace);
    build.args(["build", "--workspace", "--locked", "--bins", "--tests"]);
    run(&mut build).context("the tests do not build")
}

fn runner(workspace: &Workspace) -> Command {
    let mut runner = cargo(workspace);
    if succeeds(cargo(workspace).args(["nextest", "--version"])) {
        runner.args(["nextest", "run", "--workspace", "--locked"]);
    } else {
        println!(
            "tests: running them with cargo test; `cargo install --locked cargo-nextest` installs what runs them faster"
        );
        runner.args([
            "test",
            "--workspace",
            "--locked",
            "--lib",
            "--bins",
            "--tests",
        ]);
    }
    runner
}
