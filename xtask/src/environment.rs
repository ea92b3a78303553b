//! Virtual environments of Python. Each tool in Python has its own, so that tools do not share dependencies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::command;
use crate::workspace::Workspace;

const DEBIAN_PACKAGES: [&str; 2] = ["python3", "python3-venv"];

/// Installs packages from PyPI into the environment of this name, unless it has exactly these packages. Returns the
/// folder of the environment's programs.
pub(crate) fn install(
    workspace: &Workspace,
    name: &str,
    packages: &[&str],
) -> anyhow::Result<PathBuf> {
    let environment = workspace.target().join(name);
    let programs = environment.join("bin");
    let installed = environment.join("installed");
    let wanted = packages.join(" ");
    if fs::read(&installed).is_ok_and(|last| last == wanted.as_bytes()) {
        return Ok(programs);
    }
    println!("python: installing {wanted} into target/{name}");
    create(&environment)?;
    let mut pip = Command::new(programs.join("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"])
        .args(packages);
    command::run(&mut pip).with_context(|| format!("cannot install {wanted}"))?;
    fs::write(&installed, &wanted)
        .with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(programs)
}

fn create(environment: &Path) -> anyhow::Result<()> {
    let create = || {
        let mut python = Command::new("python3");
        python.args(["-m", "venv", "--clear"]).arg(environment);
        command::succeeds(&mut python)
    };
    if create() || (command::apt_install(&DEBIAN_PACKAGES) && create()) {
        return Ok(());
    }
    bail!(
        "this needs Python 3 with venv: on Debian run as root `apt-get install {}`, and then this again",
        DEBIAN_PACKAGES.join(" ")
    )
}
