//! Measuring the host: builds what is released and what measures it, and has the one measure the other.

use anyhow::Context;

use crate::command::{cargo, run};
use crate::guests;
use crate::workspace::Workspace;

/// The workflow that is measured with.
const GUEST: &str = "waiter";

/// Builds everything and passes the arguments on. One that names `--host` has another program measured.
pub(crate) fn bench(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    guests::build_one(workspace, GUEST)?;
    build_programs(workspace)?;
    let target = workspace.target();
    let mut bench = std::process::Command::new(target.join("release/dormouse-bench"));
    bench.arg("--guest").arg(workspace.guest(GUEST));
    if !names(args, "--host") {
        bench.arg("--host").arg(workspace.host());
    }
    if !names(args, "--folder") {
        bench.arg("--folder").arg(target.join("bench"));
    }
    run(bench.args(args)).context("the benchmark failed")
}

/// Host and benchmark by one command, so that they share every dependency with the same features.
fn build_programs(workspace: &Workspace) -> anyhow::Result<()> {
    let mut build = cargo(workspace);
    build.args(["build", "--release", "--locked", "--bins"]);
    build.args(["--package", "dormouse", "--package", "dormouse-bench"]);
    run(&mut build).context("the host or its benchmark does not build")
}

fn names(args: &[String], option: &str) -> bool {
    args.iter().any(|arg| {
        arg.strip_prefix(option)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}
