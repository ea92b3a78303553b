//! Building what is shipped.

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
