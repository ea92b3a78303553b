//! Builds guests in Python with componentize-py: guests with the SDK of `guest-sdk/python`, and one without an SDK.
//!
//! A build takes ten seconds or more, so a guest is built again only if its source, the contract, the SDK or a tool
//! changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::command;
use crate::environment;
use crate::workspace::Workspace;

/// The packages of the environment: the tool, and a package that a guest imports. Another version may need other Python
/// source.
const PACKAGES: [&str; 2] = ["componentize-py==0.25.1", "httpx==0.28.1"];

const ENVIRONMENT: &str = "python-venv";

/// A guest that is built with the SDK.
pub(crate) struct Flow {
    /// The guest's name.
    pub(crate) name: &'static str,
    /// The file with the workflow. The workflow may import other files in its folder.
    file: &'static str,
    /// The other arguments of the tool.
    arguments: &'static [&'static str],
    /// True if the guest imports installed packages.
    takes_packages: bool,
}

/// The guests: the examples, a test of each language's behaviour, the workflow of the benchmark, and a test of the
/// whole SDK.
pub(crate) const FLOWS: [Flow; 5] = [
    Flow {
        name: "python-progress",
        file: "examples/python/progress.py",
        arguments: &[],
        takes_packages: false,
    },
    Flow {
        name: "python-approval",
        file: "examples/python/approval.py",
        arguments: &[],
        takes_packages: false,
    },
    Flow {
        name: "behaviour-python",
        file: "tests/guests/behaviour/flow.py",
        arguments: &[],
        takes_packages: false,
    },
    Flow {
        name: "waiter-python",
        file: "tests/guests/waiter/flow.py",
        arguments: &[],
        takes_packages: false,
    },
    Flow {
        name: "python-sdk",
        file: "tests/guests/python-sdk/flow.py",
        arguments: &["--env", "MODEL=small", "--secret", "API_KEY"],
        takes_packages: true,
    },
];

/// Builds the guest of a folder with an `app.py`, and returns the path of the component.
pub(crate) fn build(workspace: &Workspace, folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let sources = [folder.join("app.py"), workspace.wit()];
    built(workspace, name, &sources, &[], |place, component| {
        let tool = install(workspace)?.join("componentize-py");
        // Python leaves compiled files beside a source file that it loads. They must not get into the repository.
        fs::copy(folder.join("app.py"), place.join("app.py")).context("cannot copy app.py")?;
        let mut componentize = Command::new(tool);
        componentize
            .current_dir(place)
            .arg("--quiet")
            .arg("--wit-path")
            .arg(workspace.wit())
            .args(["--world", "workflow", "componentize", "app", "--output"])
            .arg(component);
        Ok(componentize)
    })
}

/// Builds a guest with the SDK by the same command that users have, and returns the path of the component.
pub(crate) fn build_flow(workspace: &Workspace, flow: &Flow) -> anyhow::Result<PathBuf> {
    let file = workspace.root().join(flow.file);
    let folder = file.parent().unwrap_or(workspace.root());
    let sources = [folder.to_owned(), sdk(workspace)];
    built(
        workspace,
        flow.name,
        &sources,
        flow.arguments,
        |_, component| {
            let programs = install(workspace)?;
            let mut tool = Command::new(programs.join("python"));
            tool.env("PYTHONPATH", sdk(workspace))
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .args(["-m", "dormouse._build.cli", "build"])
                .arg(&file)
                .arg("--output")
                .arg(component)
                .args(flow.arguments);
            if flow.takes_packages {
                tool.arg("--python-path").arg(site_packages(&programs)?);
            }
            Ok(tool)
        },
    )
}

/// Runs the SDK's own tests.
pub(crate) fn test(workspace: &Workspace) -> anyhow::Result<()> {
    let mut python = Command::new(install(workspace)?.join("python"));
    python
        .current_dir(workspace.root().join("guest-sdk/python"))
        .env("PYTHONPATH", sdk(workspace))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-m", "unittest", "discover", "--start-directory", "tests"]);
    command::run(&mut python).context("tests of the Python SDK failed")
}

fn install(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    environment::install(workspace, ENVIRONMENT, &PACKAGES)
}

fn sdk(workspace: &Workspace) -> PathBuf {
    workspace.root().join("guest-sdk/python/src")
}

/// Returns the folder of an environment's packages, whose path depends on the version of Python.
fn site_packages(programs: &Path) -> anyhow::Result<PathBuf> {
    let libraries = programs.with_file_name("lib");
    let entries =
        fs::read_dir(&libraries).with_context(|| format!("cannot list {}", libraries.display()))?;
    for entry in entries {
        let packages = entry?.path().join("site-packages");
        if packages.is_dir() {
            return Ok(packages);
        }
    }
    anyhow::bail!("{} has no packages of Python", libraries.display())
}

/// Returns the component of a guest. The command that makes it runs only if an input of the component has changed.
fn built(
    workspace: &Workspace,
    name: &str,
    sources: &[PathBuf],
    arguments: &[&str],
    command: impl FnOnce(&Path, &Path) -> anyhow::Result<Command>,
) -> anyhow::Result<PathBuf> {
    let place = workspace.guests_build().join("python").join(name);
    fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
    let component = place.join("component.wasm");
    let inputs_of_last = place.join("inputs");
    let inputs = inputs(sources, arguments)?;
    if component.is_file() && fs::read(&inputs_of_last).is_ok_and(|last| last == inputs) {
        return Ok(component);
    }
    println!("guests: building {name} with {}", PACKAGES[0]);
    let mut command = command(&place, &component)?;
    command::run(&mut command).with_context(|| format!("the guest {name} does not build"))?;
    fs::write(&inputs_of_last, &inputs)
        .with_context(|| format!("cannot write {}", inputs_of_last.display()))?;
    Ok(component)
}

/// Returns the bytes of everything that a component depends on, one after the other.
fn inputs(sources: &[PathBuf], arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    let mut files = Vec::new();
    for source in sources {
        collect(source, &mut files)?;
    }
    files.sort();
    let mut inputs = [&PACKAGES, arguments].concat().join(" ").into_bytes();
    for file in files {
        inputs.extend_from_slice(format!("\n{}\n", file.display()).as_bytes());
        inputs.extend(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(inputs)
}

/// Adds a file, or the files of a folder and of the folders in it. The files that Python compiled are left out.
fn collect(source: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !source.is_dir() {
        files.push(source.to_owned());
        return Ok(());
    }
    let entries =
        fs::read_dir(source).with_context(|| format!("cannot list {}", source.display()))?;
    for entry in entries {
        let path = entry?.path();
        if !path.ends_with("__pycache__") {
            collect(&path, files)?;
        }
    }
    Ok(())
}
