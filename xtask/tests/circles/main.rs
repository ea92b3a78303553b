//! No files of a crate use each other in a circle, so that each can be read with what lies below it and nothing else.
//!
//! A file uses another if it names something that the other defines: in a `use`, in a path within its code, or in the
//! arguments of a macro. Calls of methods don't count, since they name no path.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod arrows;
mod modules;
mod scenes;
mod source;
#[path = "../workspace/mod.rs"]
mod workspace;

use std::path::Path;

use arrows::Circle;
use modules::{Files, Modules};

/// Folders whose files may still use each other in circles. A folder that has no circle any more goes from this list.
const NOT_YET_HELD: &[&str] = &["host/store/src", "host/runtime/src"];

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut found = String::new();
    let mut without = NOT_YET_HELD.to_vec();
    for root in roots() {
        for circle in circles(&root) {
            match NOT_YET_HELD.iter().find(|folder| circle.is_within(folder)) {
                Some(folder) => without.retain(|other| other != folder),
                None => found += &circle.to_string(),
            }
        }
    }
    assert!(found.is_empty(), "{found}");
    assert!(
        without.is_empty(),
        "{without:?} have no circle any more; take them out of NOT_YET_HELD"
    );
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
