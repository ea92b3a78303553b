//! The tests of a crate are modules of one program. A file that its `main.rs` does not name would never run.

use std::path::{Path, PathBuf};
use std::{fs, process};

/// Returns the folders of all crates of the workspace.
fn crates() -> Vec<PathBuf> {
    let output = process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let manifest = Path::new(package["manifest_path"].as_str().unwrap());
            manifest.parent().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn every_file_of_tests_is_part_of_its_program() {
    let mut programs = 0;
    for tests in crates().iter().map(|folder| folder.join("tests")) {
        let Ok(main) = fs::read_to_string(tests.join("main.rs")) else {
            continue;
        };
        programs += 1;
        for file in fs::read_dir(&tests).unwrap() {
            let file = file.unwrap().path();
            let name = file.file_stem().unwrap().to_str().unwrap();
            let is_module = file.extension().is_some_and(|extension| extension == "rs");
            if is_module && name != "main" {
                let named = main.lines().any(|line| line == format!("mod {name};"));
                assert!(named, "{} is not in main.rs beside it", file.display());
            }
        }
    }
    assert!(programs >= 6, "{programs}");
}
