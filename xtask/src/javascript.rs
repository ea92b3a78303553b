//! Building the JavaScript runtime, which the host takes into its program.
//!
//! It is a guest in Rust around an engine in C, so it needs a C compiler for Wasm besides.

use std::fs;

use anyhow::{Context, bail};

use crate::apart;
use crate::command;
use crate::toolchain::{PROFILE, TARGET, Toolchain};
use crate::workspace::Workspace;

/// The compilers that are looked for, and the archivers that go with them.
const COMPILERS: [(&str, &str); 3] = [
    ("clang-19", "llvm-ar-19"),
    ("clang", "llvm-ar"),
    ("clang-18", "llvm-ar-18"),
];

/// Debian's packages of the first.
const DEBIAN_PACKAGES: [&str; 2] = ["clang-19", "llvm-19"];

/// Has the engine ask the runtime's heap for each object. Otherwise it takes small ones from pages of its own, a page for each size,
/// and a run would write to the pages of all sizes. The engine has the switch for sanitizers and uses it for nothing else.
const ENGINE_FLAGS: &str = "-D__SANITIZE_ADDRESS__";

/// Builds the runtime into `target/guests/js-runtime.wasm`. An unchanged one keeps its date.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let (compiler, archiver) = compiler()?;
    let mut cargo = Toolchain::find()?.cargo_build(workspace);
    cargo.envs(PROFILE);
    // The engine interprets: it is worth more time to build than a guest.
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "2");
    cargo.args(["--manifest-path", "guest-sdk/js/runtime/Cargo.toml"]);
    cargo.env("CC_wasm32_unknown_unknown", compiler);
    cargo.env("CFLAGS_wasm32_unknown_unknown", ENGINE_FLAGS);
    cargo.env("AR_wasm32_unknown_unknown", archiver);
    command::run(&mut cargo).context("the JavaScript runtime does not build")?;
    let built = workspace
        .guests_build()
        .join(TARGET)
        .join("release/dormouse_js_runtime.wasm");
    let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    let place = workspace.guest("js-runtime");
    // What it was made of, beside what was built: making it takes seconds.
    let source = [&bytes, apart::SAMPLE.as_bytes()].concat();
    let source_place = built.with_extension("source");
    if place.is_file() && fs::read(&source_place).is_ok_and(|present| present == source) {
        return Ok(());
    }
    let bytes = apart::set(&bytes)?;
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(&place, &bytes).with_context(|| format!("cannot write {}", place.display()))?;
    fs::write(&source_place, &source)
        .with_context(|| format!("cannot write {}", source_place.display()))?;
    println!(
        "guests: target/guests/js-runtime.wasm, {} KiB",
        bytes.len().div_ceil(1024)
    );
    Ok(())
}

/// Finds a C compiler for Wasm, and installs one where it may.
fn compiler() -> anyhow::Result<(&'static str, &'static str)> {
    let find = || {
        COMPILERS.into_iter().find(|(compiler, archiver)| {
            let has = |program: &str| {
                command::succeeds(std::process::Command::new(program).arg("--version"))
            };
            has(compiler) && has(archiver)
        })
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    let install = format!("apt-get install {}", DEBIAN_PACKAGES.join(" "));
    println!("guests: no C compiler for Wasm; trying `{install}`");
    if command::apt_install(&DEBIAN_PACKAGES)
        && let Some(found) = find()
    {
        return Ok(found);
    }
    bail!(
        "the JavaScript runtime cannot be built: install clang and llvm, on Debian as root by `{install}`, and then run this again"
    )
}
