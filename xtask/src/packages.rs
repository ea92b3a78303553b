//! Installs the npm packages that tests use in workflows.
//!
//! No code of the packages is executed here: npm unpacks the packages that `package-lock.json` names, checks their
//! digests, and runs no scripts.

use std::fs;
use std::process::Command;

use anyhow::{Context, bail};

use crate::command;
use crate::workspace::Workspace;

/// The Debian packages of npm.
const DEBIAN_PACKAGES: [&str; 2] = ["nodejs", "npm"];

/// Installs the packages of `tests/packages` into `target/packages`, unless they were installed from the same lock
/// file.
pub(crate) fn install(workspace: &Workspace) -> anyhow::Result<()> {
    let source = workspace.root().join("tests/packages");
    let folder = workspace.root().join("target/packages");
    let lock = source.join("package-lock.json");
    let locked = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    // A copy of the lock file from which the packages were installed. npm's own copy differs from it.
    let mark = folder.join("installed-lock.json");
    if fs::read(&mark).is_ok_and(|installed| installed == locked) {
        return Ok(());
    }
    if !has_npm() {
        let install = format!("apt-get install {}", DEBIAN_PACKAGES.join(" "));
        println!("packages: no npm; trying `{install}`");
        if !command::apt_install(&DEBIAN_PACKAGES) || !has_npm() {
            bail!(
                "the tests of packages need npm: install it, on Debian as root by `{install}`, and then run this again"
            );
        }
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for name in ["package.json", "package-lock.json"] {
        let place = folder.join(name);
        fs::copy(source.join(name), &place)
            .with_context(|| format!("cannot write {}", place.display()))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--omit=dev", "--omit=optional", "--omit=peer"])
        .current_dir(&folder);
    command::run(&mut npm).context("the packages cannot be installed")?;
    fs::write(&mark, &locked).with_context(|| format!("cannot write {}", mark.display()))
}

fn has_npm() -> bool {
    command::succeeds(Command::new("npm").arg("--version"))
}
