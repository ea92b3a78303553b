//! Takes the JavaScript runtime into the program, if it was built: `cargo xtask build` builds it first.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let built = package.join("../../target/guests/js-runtime.wasm");
    println!("cargo::rerun-if-changed={}", built.display());
    let runtime = fs::read(&built).unwrap_or_default();
    let place = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("js-runtime.wasm");
    if let Err(error) = fs::write(&place, runtime) {
        println!(
            "cargo::error={} cannot be written: {error}",
            place.display()
        );
    }
}
