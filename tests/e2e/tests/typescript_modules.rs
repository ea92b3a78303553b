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

/// Each part tells what a store holds at places where the program has waited in another way.
const CARRYING: &str = r#"
import { AsyncLocalStorage } from "node:async_hooks";
import { serve } from "@dormouse/sdk";
import { each, later } from "./other";

const store = new AsyncLocalStorage<string>();
const seen = () => store.getStore() ?? "none";

const ways: Record<string, () => Promise<unknown>> = {
  async awaits() { await later(1); const one = seen(); await null; return [one, seen()]; },
  async throws() { try { await later(1, new Error("no")); } catch { return seen(); } },
  async loops() {
    const all = [];
    for await (const value of each(3, seen)) all.push([value, seen()]);
    return [...all, seen()];
  },
  async labels() {
    const all = [];
    outer: for await (const value of [later(0), 1, 2, 3]) {
      for (;;) { all.push(`${value} ${seen()}`); if (value === 2) break outer; continue outer; }
    }
    return [...all, seen()];
  },
  async breaks() { try { for await (const value of each(3, seen, new Error("no"))) await later(value); } catch { return seen(); } },
  async delegates() {
    const all = [];
    const outer = async function* () { yield* each(2, seen); all.push(seen()); yield await later(9); };
    for await (const value of outer()) all.push(value);
    return all;
  },
  async asks() { return await { then(resolve: (text: string) => void) { resolve(`asked ${seen()}`); } }; },
  async times() { return new Promise((resolve) => setTimeout(() => resolve(seen()), 1)); },
};

const AsyncIterator = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}).prototype);
const kinds = [typeof AsyncIterator[Symbol.asyncIterator], (async () => {}).constructor.name];

export default serve(async () => {
  const under = (name: string) => store.run(name, async () => {
    const told: Record<string, unknown> = {};
    for (const [way, run] of Object.entries(ways)) told[way] = await run();
    return told;
  });
  const [a, b] = await Promise.all([under("a"), under("b")]);
  return { kinds, same: JSON.stringify(a).replaceAll('"a"', '"b"').replaceAll(" a", " b") === JSON.stringify(b), a, outside: seen() };
});
"#;

#[test]
fn values_go_along_however_a_program_waits() {
    let other = "export const later = (value, error) => new Promise((resolve, reject) => \
        setTimeout(() => (error ? reject(error) : resolve(value)), 1));\n\
        export async function* each(count, seen, error) {\n\
        for (let n = 0; n < count; n++) { await later(n); yield `${n} ${seen()}`; }\n\
        if (error) throw error; }\n";
    let files = [("src/flow.ts", CARRYING), ("src/other.js", other)];
    let expected = json!({
        "kinds": ["function", "AsyncFunction"],
        "same": true,
        "a": {
            "awaits": ["a", "a"],
            "throws": "a",
            "loops": [["0 a", "a"], ["1 a", "a"], ["2 a", "a"], "a"],
            "labels": ["0 a", "1 a", "2 a", "a"],
            "breaks": "a",
            "delegates": ["0 a", "1 a", "a", 9],
            "asks": "asked a",
            "times": "a",
        },
        "outside": "none",
    });
    assert_eq!(output(&files), expected);
}
