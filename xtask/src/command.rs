//! Running other programs.

use std::env;
use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::pause::{Deadline, pause};
use crate::workspace::Workspace;

/// What only asks what there is to measure or to do, and needs nothing to do it on.
const QUESTIONS: [&str; 3] = ["--help", "-h", "--list"];

/// The Cargo that runs this program, building into the repository's own target folder.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace.root());
    command.env("CARGO_TARGET_DIR", workspace.target());
    for (name, _) in env::vars_os().filter(|(name, _)| names_a_package(name)) {
        command.env_remove(name);
    }
    command
}

/// Whether Cargo sets this variable to say which package it runs. A Cargo below it must not see that: build scripts that
/// depend on these variables would run again, and what depends on them would be built again.
fn names_a_package(variable: &OsStr) -> bool {
    let name = variable.as_encoded_bytes();
    name.starts_with(b"CARGO_PKG_") || name.starts_with(b"CARGO_MANIFEST_")
}

/// Whether these arguments, which are passed on, only ask something.
pub(crate) fn is_question(args: &[String]) -> bool {
    QUESTIONS.iter().any(|question| names(args, question))
}

/// Whether an option is among these arguments, with its value or before it.
pub(crate) fn names(args: &[String], option: &str) -> bool {
    let is_option = |arg: &String| {
        let rest = arg.strip_prefix(option);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    args.iter().any(is_option)
}

/// Runs a program to its end, its output going where this program's goes.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Whether a program exists, and ends well when run without output.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// As [`succeeds`], for a program that could hang: it is killed when the time is up.
pub(crate) fn succeeds_within(command: &mut Command, time: Duration) -> bool {
    let started = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = started else {
        return false;
    };
    let deadline = Deadline::after(time);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if !deadline.passed() => pause(Duration::from_millis(50)),
            Ok(None) | Err(_) => break,
        }
    }
    // It may have ended just now, which is as good.
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// Installs Debian packages. It works as root on Debian and what is made of it, and does nothing anywhere else.
pub(crate) fn apt_install(packages: &[&str]) -> bool {
    let mut install = Command::new("apt-get");
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages);
    // The list of packages may be missing or too old to install from.
    succeeds(&mut install)
        || (succeeds(Command::new("apt-get").arg("update")) && succeeds(&mut install))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
