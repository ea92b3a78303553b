//! Guests in Python, by way of componentize-py.
//!
//! It takes ten seconds for a guest, so one is built anew only when its source, the contract or the tool changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::command;
use crate::workspace::Workspace;

/// The tool and its version: another one may need another Python source.
const TOOL: &str = "componentize-py==0.25.1";

const PYTHON_PACKAGES: [&str; 2] = ["python3", "python3-venv"];

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

    let tool = install_tool(workspace)?;
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

/// Installs the tool into a virtual environment of its own, unless it is there, and gives its place.
fn install_tool(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let environment = workspace.target().join("python-venv");
    let tool = environment.join("bin/componentize-py");
    let installed = environment.join("installed");
    if tool.is_file() && fs::read(&installed).is_ok_and(|version| version == TOOL.as_bytes()) {
        return Ok(tool);
    }
    println!("guests: installing {TOOL} into target/python-venv");
    create_environment(&environment)?;
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", TOOL]);
    command::run(&mut pip).context("cannot install the tool for guests in Python")?;
    fs::write(&installed, TOOL).with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(tool)
}

fn create_environment(environment: &Path) -> anyhow::Result<()> {
    let create = || {
        let mut python = Command::new("python3");
        python.args(["-m", "venv", "--clear"]).arg(environment);
        command::succeeds(&mut python)
    };
    if create() || (command::apt_install(&PYTHON_PACKAGES) && create()) {
        return Ok(());
    }
    bail!(
        "the guest in Python needs Python 3 with venv: on Debian run as root `apt-get install {}`, and then this again",
        PYTHON_PACKAGES.join(" ")
    )
}
