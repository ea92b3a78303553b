//! The profile by which the released host is optimised.
//!
//! The profile says how often each function and each branch is executed while the host does its usual work. With it, the
//! compiler inlines and arranges code better, which saves about a tenth of a run's processor time (`BENCHMARKS.md`). The profile is
//! kept in the repository, because it takes an hour to record. It says nothing about functions that have changed since then, or
//! for another version of the compiler; these are optimised as usual. So it is recorded again when the compiler or the hot
//! code has changed.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::bench;
use crate::command::{cargo, run, succeeds};
use crate::workspace::Workspace;

/// The figures of the benchmark that are the host's usual work.
const FIGURES: &str = "throughput,throughput-cold,trigger-output,wake-warm,wake-cold,replay,\
    dormant,timers,backlog,deploy,languages";

/// The oldest version of LLVM whose tool can read what the compiler records.
const OLDEST: u32 = 19;

/// The newest version of LLVM that there is a name for.
const NEWEST: u32 = 24;

/// Has the released host optimised by the profile. If the environment has flags for the compiler, they stay as they are.
pub(crate) fn optimise(workspace: &Workspace, build: &mut Command) {
    let is_given = |name: &&str| env::var_os(name).is_some();
    if ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"]
        .iter()
        .any(is_given)
    {
        return;
    }
    // Without the first flag, the compiler warns of each function that has changed since the profile was recorded.
    let mut flags = OsString::from("-Cllvm-args=-no-pgo-warn-mismatch\u{1f}-Cprofile-use=");
    flags.push(file(workspace));
    build.env("CARGO_ENCODED_RUSTFLAGS", flags);
}

/// Records the profile: builds a host that counts what it executes, lets the benchmark use it, and writes the profile.
pub(crate) fn record(workspace: &Workspace) -> anyhow::Result<()> {
    let tool = tool()?;
    let folder = workspace.target().join("profile");
    let counts = folder.join("counts");
    println!("building a host that counts what it executes");
    let mut flag = OsString::from("-Cprofile-generate=");
    flag.push(&counts);
    let mut build = cargo(workspace);
    build.args(["build", "--release", "--locked", "--package", "dormouse"]);
    build.env("CARGO_TARGET_DIR", &folder);
    build.env("CARGO_ENCODED_RUSTFLAGS", flag);
    run(&mut build).context("the host does not build")?;
    // Programs that were executed for the build have counted, too.
    if counts.exists() {
        fs::remove_dir_all(&counts).context("cannot remove the counts of an earlier recording")?;
    }

    let host = folder.join("release/dormouse");
    let host = host.to_str().context("the path of the host is not text")?;
    let args = [
        "--quick",
        "--repeats",
        "1",
        "--only",
        FIGURES,
        "--host",
        host,
    ];
    bench::bench(workspace, &args.map(Into::into))?;

    // Without `-sparse`, functions that were not executed would be in the profile, and be optimised for size.
    let mut merge = Command::new(tool);
    merge.args(["merge", "-sparse", "-o"]).arg(file(workspace));
    run(merge.arg(&counts)).context("the counts cannot be merged")?;
    println!("profile: {}", file(workspace).display());
    Ok(())
}

fn file(workspace: &Workspace) -> PathBuf {
    workspace.root().join("tests/bench/host.profdata")
}

/// Returns LLVM's tool for profiles: the one of the compiler, or a separate one that is new enough.
fn tool() -> anyhow::Result<PathBuf> {
    let rustc = Command::new("rustc")
        .args(["--print", "target-libdir"])
        .output()
        .context("cannot start rustc")?;
    let libraries = String::from_utf8(rustc.stdout).context("the path of rustc is not text")?;
    let own = Path::new(libraries.trim()).with_file_name("bin/llvm-profdata");
    let others = (OLDEST..=NEWEST).rev();
    let others = others.map(|version| format!("llvm-profdata-{version}").into());
    let found = iter::once(own)
        .chain(others)
        .find(|tool| succeeds(Command::new(tool).arg("--version")));
    let Some(found) = found else {
        bail!(
            "there is no llvm-profdata of LLVM {OLDEST} or later; `rustup component add llvm-tools` installs it, or on \
             Debian `apt-get install llvm-{OLDEST}`"
        );
    };
    Ok(found)
}
