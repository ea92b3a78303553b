//! Builds guests: the workflows of examples/, and those that the tests run.
//!
//! Each folder is one guest, and has the guest's name. A folder with a `Cargo.toml` is a Rust package of that name,
//! and a folder with an `app.py` is Python without an SDK. The guests with the Python SDK are listed in `python`.
//! Each guest becomes `target/guests/NAME.wasm`, a component that the host's own check accepts.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};

use crate::command;
use crate::javascript;
use crate::python;
use crate::toolchain::{PROFILE, TARGET, Toolchain};
use crate::workspace::Workspace;

/// Builds every guest.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    build_rust(workspace, &guests_with(workspace, "Cargo.toml")?)?;
    for guest in guests_with(workspace, "app.py")? {
        let component = python::build(workspace, &guest.folder, &guest.name)?;
        finish(workspace, &guest.name, &component)?;
    }
    for flow in &python::FLOWS {
        build_flow(workspace, flow.name)?;
    }
    javascript::build(workspace)
}

/// Builds one guest that is written in Python.
pub(crate) fn build_flow(workspace: &Workspace, name: &str) -> anyhow::Result<()> {
    for flow in python::FLOWS.iter().filter(|flow| flow.name == name) {
        finish(workspace, flow.name, &python::build_flow(workspace, flow)?)?;
    }
    Ok(())
}

/// Builds one guest that is written in Rust.
pub(crate) fn build_one(workspace: &Workspace, name: &str) -> anyhow::Result<()> {
    let mut guests = guests_with(workspace, "Cargo.toml")?;
    guests.retain(|guest| guest.name == name);
    build_rust(workspace, &guests)
}

struct Guest {
    name: String,
    folder: std::path::PathBuf,
}

/// Returns the guests whose folders have a file of this name, in the order of the guests' names.
fn guests_with(workspace: &Workspace, file: &str) -> anyhow::Result<Vec<Guest>> {
    let mut guests = Vec::new();
    for source in workspace.guest_sources() {
        let entries =
            fs::read_dir(&source).with_context(|| format!("cannot list {}", source.display()))?;
        for entry in entries {
            let folder = entry?.path();
            if let Some(name) = folder.file_name().and_then(|name| name.to_str())
                && folder.join(file).is_file()
            {
                guests.push(Guest {
                    name: name.to_owned(),
                    folder: folder.clone(),
                });
            }
        }
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(guests)
}

fn build_rust(workspace: &Workspace, guests: &[Guest]) -> anyhow::Result<()> {
    let mut cargo = Toolchain::find()?.cargo_build(workspace);
    cargo.envs(PROFILE);
    for guest in guests {
        cargo.args(["--package", &guest.name]);
    }
    command::run(&mut cargo).context("the guests do not build")?;

    let modules = workspace.guests_build().join(TARGET).join("release");
    for guest in guests {
        let module = modules.join(format!("{}.wasm", guest.name.replace('-', "_")));
        finish(workspace, &guest.name, &module)?;
    }
    Ok(())
}

/// Makes a component of a compiler's output, and writes it into `target/guests`. An unchanged file keeps its date.
fn finish(workspace: &Workspace, name: &str, built: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(built).with_context(|| format!("cannot read {}", built.display()))?;
    let prepared = dormouse_component::prepare(&bytes)
        .map_err(|invalid| anyhow!("the host would refuse the guest `{name}`: {invalid}"))?;
    let place = workspace.guest(name);
    if fs::read(&place).is_ok_and(|present| present == prepared.component) {
        return Ok(());
    }
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(&place, &prepared.component)
        .with_context(|| format!("cannot write {}", place.display()))?;
    println!(
        "guests: target/guests/{name}.wasm, {} KiB",
        prepared.component.len().div_ceil(1024)
    );
    Ok(())
}
