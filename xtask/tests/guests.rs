//! Checks that a component does not tell where it was built.

use std::path::{Path, PathBuf};

/// Panics in a guest name source files. The files of dependencies are in Cargo's home, and those of the guest are
/// in this repository.
#[test]
fn no_rust_guest_names_a_folder_of_its_builder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = root.canonicalize().unwrap();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| std::env::home_dir().unwrap().join(".cargo"));
    for guest in [
        "approval", "bare", "fan-out", "payment", "progress", "script",
    ] {
        let path = root.join("target/guests").join(format!("{guest}.wasm"));
        let component = std::fs::read(&path).expect("run `cargo xtask build --guests-only`");
        for folder in [&root, &home] {
            let folder = folder.to_str().unwrap().as_bytes();
            let is_named = component.windows(folder.len()).any(|bytes| bytes == folder);
            assert!(!is_named, "{}", path.display());
        }
    }
}
