//! What the modules of a workflow in TypeScript may use, and what is said where something is missing.

use std::fs;

use dormouse_e2e::{Cli, Host, Outcome};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Deploys `src/flow.ts` of a project with these files.
fn deploy(host: &Host, files: &[(&str, &str)]) -> Outcome {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let entry = folder.path().join("src/flow.ts");
    Cli::of(host).run(&["deploy", "flow", entry.to_str().unwrap()])
}

/// What a run of a project gives.
fn output(files: &[(&str, &str)]) -> Value {
    let host = Host::start();
    deploy(&host, files).ok();
    host.start_run("flow", &json!(null)).output()
}

#[test]
fn a_module_requires_what_it_names_and_knows_where_it_lies() {
    let flow = r#"
import { createRequire } from "module";
import path from "node:path";
import { fileURLToPath } from "node:url";
const load = createRequire(import.meta.url);
const { serve } = load("@upstash/workflow/express");
const other = require("./other");
const data = createRequire(fileURLToPath(import.meta.url))("../data.json");
export default serve(async () => ({
  other, data,
  url: import.meta.url,
  here: path.dirname(fileURLToPath(import.meta.url)),
  same: [__dirname === import.meta.dirname, __filename === import.meta.filename],
}));
"#;
    let files = [
        ("src/flow.ts", flow),
        (
            "src/other.cjs",
            "exports.place = __filename; exports.folder = __dirname;",
        ),
        ("data.json", "{\"from\": \"a file\"}"),
    ];
    let expected = json!({
        "other": {"place": "/workflow/other.cjs", "folder": "/workflow"},
        "data": {"from": "a file"},
        "url": "file:///workflow/flow.ts",
        "here": "/workflow",
        "same": [true, true],
    });
    assert_eq!(output(&files), expected);
}
