//! Guests in Python, by way of componentize-py.
//!
//! It takes ten seconds for a guest, so one is built anew only when its source, the contract or the tool changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::command;
use crate::environment;
use crate::workspace::Workspace;

/// The tool and its version: another one may need another Python source.
const TOOL: &str = "componentize-py==0.25.1";

/// Builds the guest of a folder that holds an `app.py`, and gives the component's place.
pub(crate) fn build(workspace: &Workspace, folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let place = workspace.guests_build().join("python").join(name);
    fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
    let component = place.join("component.wasm");
    let inputs_of_last = place.join("inputs");
    let inputs = inputs(workspace, folder)?;
    if component.is_file() && fs::read(&inputs_of_last).is_ok_and(|last| last == inputs) {
        return Ok(component);
    }

    let tool = environment::install(workspace, "python-venv", &[TOOL])?.join("componentize-py");
    // Python leaves compiled files beside a source that it loads; those must not end up in the repository.
    fs::copy(folder.join("app.py"), place.join("app.py")).context("cannot copy app.py")?;
    println!("guests: building {name} with {TOOL}");
    let mut componentize = Command::new(tool);
    componentize
        .current_dir(&place)
        .arg("--quiet")
        .arg("--wit-path")
        .arg(workspace.wit())
        .args(["--world", "workflow", "componentize", "app", "--output"])
        .arg(&component);
    command::run(&mut componentize).with_context(|| format!("the guest {name} does not build"))?;
    fs::write(&inputs_of_last, &inputs)
        .with_context(|| format!("cannot write {}", inputs_of_last.display()))?;
    Ok(component)
}

/// Everything that the component depends on, one after the other.
fn inputs(workspace: &Workspace, folder: &Path) -> anyhow::Result<Vec<u8>> {
    let wit = workspace.wit();
    let mut files = vec![folder.join("app.py")];
    for entry in fs::read_dir(&wit).with_context(|| format!("cannot list {}", wit.display()))? {
        files.push(entry?.path());
    }
    files.sort();
    let mut inputs = TOOL.as_bytes().to_vec();
    for file in files {
        inputs.extend_from_slice(format!("\n{}\n", file.display()).as_bytes());
        inputs.extend(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(inputs)
}
