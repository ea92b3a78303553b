//! Workflows in Python: `dormouse-py`, which comes with the SDK, makes a component of a file.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::error::CliError;

/// What makes components of Python.
const TOOL: &str = "dormouse-py";

/// Whether a file is in Python.
pub(crate) fn is_python(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "py")
}

/// Makes a component of a file. The tool is given these arguments besides.
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
                "{} is Python, of which `{TOOL}` makes a component, and there is none on PATH; it comes with the SDK, which \
                 docs/how-to/write-in-python.md says how to install",
                file.display()
            )));
        }
        made => made?,
    };
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr);
        let said = said.trim().trim_start_matches("error: ");
        return Err(CliError::Usage(format!(
            "`{TOOL}` makes no component of {}: {said}",
            file.display()
        )));
    }
    Ok(std::fs::read(&component)?)
}
