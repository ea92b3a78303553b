//! Runs the storm: builds the released host and the program of the storm, and runs that program against
//! the host.

use std::process::Command;

use anyhow::Context;

use crate::command::{cargo, is_question, names, run};
use crate::guests;
use crate::profile;
use crate::workspace::Workspace;

/// The workflow of the neighbours and of the hostile runs.
const GUEST: &str = "script";

/// The library that changes the host's date. No package depends on it, so it is built by its name.
const CLOCK: &str = "dormouse-storm-clock";

/// Builds what the storm needs, and passes the arguments on. If `--host` is among them, the storm runs
/// against that host.
pub(crate) fn storm(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    let is_question = is_question(args);
    if !is_question {
        guests::build_one(workspace, GUEST)?;
        build_clock(workspace, &["--release"])?;
    }
    build_programs(workspace, !is_question && !names(args, "--host"))?;

    let target = workspace.target();
    let mut storm = Command::new(target.join("release/dormouse-storm"));
    storm.arg("--guest").arg(workspace.guest(GUEST));
    if !names(args, "--host") {
        storm.arg("--host").arg(workspace.host());
    }
    if !names(args, "--clock") {
        let library = target.join("release/libdormouse_storm_clock.so");
        storm.arg("--clock").arg(library);
    }
    if !names(args, "--folder") {
        storm.arg("--folder").arg(target.join("storm"));
    }
    run(storm.args(args))
        .context("the storm did not succeed; its output names the faults, or why it could not run")
}

/// Builds the library that changes the host's date.
pub(crate) fn build_clock(workspace: &Workspace, profile: &[&str]) -> anyhow::Result<()> {
    let mut build = cargo(workspace);
    build.args(["build", "--locked", "--package", CLOCK]);
    run(build.args(profile)).context("the library that moves the clock does not build")
}

/// Builds the host and the storm with one command, so that their dependencies have the same features and
/// are built once.
fn build_programs(workspace: &Workspace, with_host: bool) -> anyhow::Result<()> {
    let mut build = cargo(workspace);
    build.args(["build", "--release", "--locked", "--bins"]);
    build.args(["--package", "dormouse-storm"]);
    if with_host {
        build.args(["--package", "dormouse"]);
    }
    profile::optimise(workspace, &mut build);
    run(&mut build).context("the host or its storm does not build")
}
