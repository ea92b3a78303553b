//! Runs other programs.

use std::env;
use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::pause::{Deadline, pause};
use crate::workspace::Workspace;

/// The options that only ask a question, for which nothing has to be built besides the program that answers.
const QUESTIONS: [&str; 3] = ["--help", "-h", "--list"];

/// Returns a command for the Cargo that runs this program. It builds into the repository's own target folder.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace.root());
    command.env("CARGO_TARGET_DIR", workspace.target());
    for (name, _) in env::vars_os().filter(|(name, _)| names_a_package(name)) {
        command.env_remove(name);
    }
    command
}

/// Returns true if Cargo sets this variable to name the package that it runs. A Cargo that this program starts must not
/// see the variable: build scripts that depend on it would run again, and everything that depends on them would be
/// built again.
fn names_a_package(variable: &OsStr) -> bool {
    let name = variable.as_encoded_bytes();
    name.starts_with(b"CARGO_PKG_") || name.starts_with(b"CARGO_MANIFEST_")
}

/// Returns true if these arguments, which are passed on, only ask a question.
pub(crate) fn is_question(args: &[String]) -> bool {
    QUESTIONS.iter().any(|question| names(args, question))
}

/// Returns true if an option is among these arguments, with or without `=` and a value.
pub(crate) fn names(args: &[String], option: &str) -> bool {
    let is_option = |arg: &String| {
        let rest = arg.strip_prefix(option);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    args.iter().any(is_option)
}

/// Runs a program to its end. Its output goes to the output of this program.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Returns true if a program exists and succeeds. Its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Does the same as [`succeeds`], for a program that could hang. The program is killed when the time is over.
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
    // The program may have ended just now, so an error of `kill` has no meaning.
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// Installs Debian packages, and returns true if it succeeded. It needs root, and Debian or a system made from Debian.
pub(crate) fn apt_install(packages: &[&str]) -> bool {
    let mut install = Command::new("apt-get");
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages);
    // The first attempt can fail because the list of packages is missing or too old.
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
