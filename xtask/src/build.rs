//! Building the host: as it is shipped, and as the tests run it.

use anyhow::Context;

use crate::command::{cargo, run};
use crate::guests;
use crate::workspace::Workspace;

/// Builds the guests, and unless they are all that is wanted, the host as it is released.
pub(crate) fn build(workspace: &Workspace, guests_only: bool) -> anyhow::Result<()> {
    guests::build(workspace)?;
    if guests_only {
        return Ok(());
    }
    let mut build = cargo(workspace);
    build.args(["build", "--release", "--locked", "--package", "dormouse"]);
    run(&mut build).context("the host does not build")?;
    println!("host: target/release/dormouse");
    Ok(())
}

/// Builds the host as the tests run it, in minutes instead of a quarter of an hour, and nothing that the tests would have
/// built again: with all packages selected, and a test among what is built, Cargo chooses the same features of every
/// dependency as it does for all tests. The test is the one that is built fastest.
pub(crate) fn build_tested_host(workspace: &Workspace) -> anyhow::Result<()> {
    let mut build = cargo(workspace);
    build.args(["build", "--workspace", "--locked", "--bin", "dormouse"]);
    build.args(["--test", "repository"]);
    run(&mut build).context("the host does not build")?;
    println!("host: target/debug/dormouse");
    Ok(())
}
