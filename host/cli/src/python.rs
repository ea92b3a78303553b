//! Workflows in Python. `dormouse-py`, which comes with the SDK, makes a component of a file.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::error::CliError;

/// The program that makes components of Python files.
const TOOL: &str = "dormouse-py";

/// Returns true if a file is in Python.
pub(crate) fn is_python(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "py")
}

/// Makes a component of a file. `arguments` are passed to the tool.
pub(crate) fn build(file: &Path, arguments: &[String]) -> Result<Vec<u8>, CliError> {
    let place = tempfile::tempdir()?;
    let component = place.path().join("component.wasm");
    let made = Command::new(TOOL)
        .arg("build")
        .arg(file)
        .arg("--output")
        .arg(&component)
        .args(arguments)
        .output();
    let made = match made {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(CliError::Usage(format!(
                "{} is Python. `{TOOL}`, which makes a component of it, is not on PATH; it comes with the Python SDK, and \
                 docs/how-to/write-in-python.md says how to install that",
                file.display()
            )));
        }
        made => made?,
    };
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr);
        let said = said.trim().trim_start_matches("error: ");
        return Err(CliError::Usage(format!(
            "`{TOOL}` cannot make a component of {}: {said}",
            file.display()
        )));
    }
    Ok(std::fs::read(&component)?)
}
