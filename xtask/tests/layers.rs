//! Checks that each crate of the host depends only on the crates below it. The compiler refuses circles of crates, and
//! this test refuses shortcuts.

use std::collections::BTreeMap;

use crate::workspace;

/// The dependencies that each crate of the host, and the harness that starts it, may have among our own crates and the
/// crates that would break its purpose.
const LAYERS: [(&str, &[&str]); 20] = [
    ("dormouse-limits", &[]),
    ("dormouse-journal", &[]),
    ("dormouse-component", &[]),
    ("dormouse-script", &[]),
    ("dormouse-webhook", &["dormouse-journal"]),
    ("dormouse-secret", &["dormouse-journal"]),
    ("dormouse-seams", &["dormouse-journal", "dormouse-limits"]),
    (
        "dormouse-store",
        &["dormouse-journal", "dormouse-seams", "dormouse-secret"],
    ),
    (
        "dormouse-store-redb",
        &["dormouse-seams", "dormouse-store", "redb"],
    ),
    (
        "dormouse-store-memory",
        &["dormouse-seams", "dormouse-store"],
    ),
    (
        "dormouse-engine",
        &[
            "dormouse-journal",
            "dormouse-limits",
            "dormouse-webhook",
            "wasmtime",
            "wasmtime-wasi",
        ],
    ),
    (
        "dormouse-outbound",
        &[
            "dormouse-journal",
            "dormouse-limits",
            "dormouse-seams",
            "tokio",
            "hyper",
        ],
    ),
    (
        "dormouse-runtime",
        // Of tokio, this crate uses only channels and semaphores. Its manifest and the second half of this test ensure
        // that.
        &[
            "dormouse-component",
            "dormouse-engine",
            "dormouse-journal",
            "dormouse-limits",
            "dormouse-seams",
            "dormouse-secret",
            "dormouse-store",
            "dormouse-webhook",
            "tokio",
        ],
    ),
    (
        "dormouse-simulation",
        &["dormouse-journal", "dormouse-seams"],
    ),
    (
        "dormouse-scenario",
        &[
            "dormouse-engine",
            "dormouse-journal",
            "dormouse-limits",
            "dormouse-runtime",
            "dormouse-seams",
            "dormouse-secret",
            "dormouse-simulation",
            "dormouse-store",
            "dormouse-store-memory",
            "dormouse-webhook",
        ],
    ),
    (
        "dormouse-api",
        &["dormouse-journal", "dormouse-secret", "dormouse-webhook"],
    ),
    (
        "dormouse-config",
        &[
            "dormouse-limits",
            "dormouse-outbound",
            "dormouse-secret",
            "dormouse-webhook",
        ],
    ),
    (
        "dormouse-cli",
        &[
            "dormouse-api",
            "dormouse-config",
            "dormouse-journal",
            "dormouse-script",
            "dormouse-secret",
            "dormouse-webhook",
            "ureq",
        ],
    ),
    (
        "dormouse",
        &[
            "dormouse-api",
            "dormouse-cli",
            "dormouse-component",
            "dormouse-config",
            "dormouse-engine",
            "dormouse-journal",
            "dormouse-limits",
            "dormouse-outbound",
            "dormouse-runtime",
            "dormouse-scenario",
            "dormouse-script",
            "dormouse-seams",
            "dormouse-secret",
            "dormouse-store",
            "dormouse-store-redb",
            "dormouse-webhook",
            "axum",
            "hyper",
            "tokio",
        ],
    ),
    ("dormouse-harness", &[]),
];

/// Crates that only the layers which name them may depend on.
const WATCHED: [&str; 7] = [
    "axum",
    "hyper",
    "redb",
    "tokio",
    "ureq",
    "wasmtime",
    "wasmtime-wasi",
];

/// Returns the normal dependencies of every crate of the workspace.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let metadata = workspace::metadata();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
            (
                text(&package["name"]),
                normal.map(|dependency| text(&dependency["name"])).collect(),
            )
        })
        .collect()
}

#[test]
fn a_layer_depends_only_on_the_layers_below_it() {
    let dependencies = dependencies();
    for (layer, allowed) in LAYERS {
        for dependency in &dependencies[layer] {
            let watched =
                dependency.starts_with("dormouse") || WATCHED.contains(&dependency.as_str());
            assert!(
                !watched || allowed.contains(&dependency.as_str()),
                "{layer} depends on {dependency}, which is above it or none of its business"
            );
        }
    }
}

#[test]
fn nothing_below_http_names_a_runtime_a_thread_or_the_clock() {
    let banned = [
        "tokio::spawn",
        "tokio::time",
        "tokio::runtime",
        "std::thread",
        "SystemTime",
        "Instant::now",
    ];
    for layer in [
        "journal",
        "component",
        "webhook",
        "secret",
        "seams",
        "store",
        "store-memory",
        "store-redb",
        "engine",
        "runtime",
        "api",
        "config",
    ] {
        for file in workspace::rust_files(&workspace::root().join("host").join(layer).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            // The check whether a panic is in progress does not use threads.
            let text = text.replace("std::thread::panicking", "panicking");
            for name in banned {
                assert!(!text.contains(name), "{} names {name}", file.display());
            }
        }
    }
}
