//! Checks that no files of a crate use each other in a circle, so that each file can be read with only the files
//! below it.
//!
//! A file uses another if it names something that the other defines: in a `use`, in a path within its code, or in the
//! arguments of a macro. Calls of methods don't count, since they name no path.

mod arrows;
mod modules;
mod scenes;
mod source;

use std::path::Path;

use arrows::Circle;
use modules::{Files, Modules};

use crate::workspace;

#[test]
fn no_files_use_each_other_in_a_circle() {
    let found: String = roots()
        .iter()
        .flat_map(|root| circles(root))
        .map(|circle| circle.to_string())
        .collect();
    assert!(found.is_empty(), "{found}");
}

/// Returns the root files of all libraries and programs of the workspace, by their paths within it.
fn roots() -> Vec<String> {
    let metadata = workspace::metadata();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let targets = packages.flat_map(|package| package["targets"].as_array().unwrap());
    let shipped = targets.filter(|target| {
        let kinds = target["kind"].as_array().unwrap();
        !kinds.iter().any(|kind| {
            ["test", "bench", "example", "custom-build"].contains(&kind.as_str().unwrap())
        })
    });
    shipped
        .map(|target| name(Path::new(target["src_path"].as_str().unwrap())))
        .collect()
}

fn circles(root: &str) -> Vec<Circle> {
    let path = workspace::root().join(root);
    let files: Files = workspace::rust_files(path.parent().unwrap())
        .into_iter()
        .map(|file| {
            let text = std::fs::read_to_string(&file).unwrap();
            (name(&file), text)
        })
        .collect();
    Modules::read(&files, root).arrows().circles()
}

/// Returns a file's path within the workspace.
fn name(file: &Path) -> String {
    let file = file.strip_prefix(workspace::root()).unwrap();
    file.to_str().unwrap().to_owned()
}
