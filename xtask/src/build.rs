//! Builds the host, in the released form and in the form that the tests run.

use anyhow::Context;

use crate::command::{cargo, run};
use crate::guests;
use crate::profile;
use crate::workspace::Workspace;

/// Builds the guests and, unless `guests_only` is set, the released host.
pub(crate) fn build(workspace: &Workspace, guests_only: bool) -> anyhow::Result<()> {
    guests::build(workspace)?;
    if guests_only {
        return Ok(());
    }
    let mut build = cargo(workspace);
    build.args(["build", "--release", "--locked", "--package", "dormouse"]);
    profile::optimise(workspace, &mut build);
    run(&mut build).context("the host does not build")?;
    println!("host: target/release/dormouse");
    Ok(())
}

/// Builds the host in the form that the tests run. This takes minutes instead of a quarter of an hour. All packages are
/// selected and a test is among the targets, so Cargo chooses the same features of each dependency as for the tests,
/// and the tests need not build any dependency again. The test is the one that is built fastest.
pub(crate) fn build_tested_host(workspace: &Workspace) -> anyhow::Result<()> {
    let mut build = cargo(workspace);
    build.args(["build", "--workspace", "--locked", "--bin", "dormouse"]);
    build.args(["--test", "repository"]);
    run(&mut build).context("the host does not build")?;
    println!("host: target/debug/dormouse");
    Ok(())
}
