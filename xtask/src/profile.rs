//! The profile by which the released host is optimised.
//!
//! The profile says how often each function and each branch is executed while the host does its usual work. With it, the
//! compiler inlines and arranges code better, which saves more than a tenth of a run's processor time (`BENCHMARKS.md`). The profile is
//! kept in the repository, because it takes an hour to record (`record_profile.rs`). It says nothing about functions that have changed
//! since then, or for another version of the compiler; these are optimised as usual. So it is recorded again when the compiler or
//! the hot code has changed.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::workspace::Workspace;

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

/// Returns the file with the profile.
pub(crate) fn file(workspace: &Workspace) -> PathBuf {
    workspace.root().join("tests/bench/host.profdata")
}
