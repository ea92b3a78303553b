//! Measures the host: builds the released host and the benchmark, and runs the benchmark.

use std::process::Command;

use anyhow::Context;

use crate::command::{cargo, is_question, names, run};
use crate::guests;
use crate::javascript;
use crate::profile;
use crate::workspace::Workspace;

/// The workflow of the measurements.
const GUEST: &str = "waiter";

/// The same workflow in Python.
const PYTHON: &str = "waiter-python";

/// Builds what the benchmark needs, and passes the arguments on. If `--host` is among them, the
/// benchmark measures that host.
pub(crate) fn bench(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    let is_question = is_question(args);
    if !is_question {
        guests::build_one(workspace, GUEST)?;
        guests::build_flow(workspace, PYTHON)?;
        javascript::build(workspace)?;
    }
    let own_host = !names(args, "--host");
    build_programs(workspace, own_host && !is_question)?;

    let target = workspace.target();
    let mut bench = Command::new(target.join("release/dormouse-bench"));
    bench.arg("--guest").arg(workspace.guest(GUEST));
    bench.arg("--python").arg(workspace.guest(PYTHON));
    bench
        .arg("--typescript")
        .arg(workspace.root().join("tests/guests/waiter/flow.ts"));
    if own_host {
        bench.arg("--host").arg(workspace.host());
    }
    if !names(args, "--folder") {
        bench.arg("--folder").arg(target.join("bench"));
    }
    run(bench.args(args)).context("the benchmark failed")
}

/// Builds the host and the benchmark with one command, so that their dependencies have the same features
/// and are built once.
fn build_programs(workspace: &Workspace, with_host: bool) -> anyhow::Result<()> {
    let mut build = cargo(workspace);
    build.args(["build", "--release", "--locked", "--bins"]);
    build.args(["--package", "dormouse-bench"]);
    if with_host {
        build.args(["--package", "dormouse"]);
    }
    profile::optimise(workspace, &mut build);
    run(&mut build).context("the host or its benchmark does not build")
}
