//! Records the profile by which the released host is optimised (`profile.rs`).

use std::ffi::OsString;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::bench;
use crate::command::{cargo, run, succeeds};
use crate::profile::file;
use crate::workspace::Workspace;

/// The figures of the benchmark that are the host's usual work.
const FIGURES: &str = "throughput,throughput-cold,trigger-output,wake-warm,wake-cold,replay,\
    dormant,timers,backlog,deploy,languages";

/// The oldest version of LLVM whose tool can read what the compiler records.
const OLDEST: u32 = 19;

/// The newest version of LLVM that there is a name for.
const NEWEST: u32 = 24;

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
