//! Modules of a workflow in TypeScript: what they may use, and the messages about modules that do not exist.

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

/// Returns the output of a run of a project with these files.
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

/// Each function returns the values of a store after one way of waiting.
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

/// A small replacement for Express. It uses Node's modules as Express does when it is loaded, and accepts only functions.
const SERVER: &str = r#"
const http = require("node:http");
const Stream = require("stream");
const channels = require("node:diagnostics_channel").tracingChannel("server.request");
const methods = http.METHODS.map((method) => method.toLowerCase());
function Reply() {}
Reply.prototype = Object.create(http.ServerResponse.prototype);
require("util").inherits(Reply, Stream);
module.exports = () => ({
  routes: [],
  post(path, run) {
    if (typeof run !== "function" || !methods.includes("post")) throw new TypeError("it takes a function");
    if (channels.hasSubscribers) throw new Error("nobody listens");
    this.routes.push([path, http.STATUS_CODES[200]]);
  },
  listen(...given) { return http.createServer(this).listen(...given); },
});
"#;

#[test]
fn a_program_that_is_a_server_is_deployed_and_its_server_does_nothing() {
    let host = Host::start();
    let flow = "import server from 'server';\nimport { serve } from '@upstash/workflow/express';\nconst app = server();\n\
        app.post('/flow', serve(async () => app.routes));\napp.listen(3000, () => console.log('listening'));\n";
    let files = [
        ("package.json", "{}"),
        ("src/flow.ts", flow),
        (
            "node_modules/server/package.json",
            r#"{"name": "server", "main": "index.js"}"#,
        ),
        ("node_modules/server/index.js", SERVER),
    ];
    let deployed = deploy(&host, &files);
    let told = &deployed.stderr;
    assert!(
        told.contains("src/flow.ts:5: `listen` does nothing"),
        "{told}"
    );
    deployed.ok();
    let output = host.start_run("flow", &json!(null)).output();
    assert_eq!(output, json!([["/flow", "OK"]]));
}

#[test]
fn what_is_missing_is_told_with_what_to_do() {
    let host = Host::start();
    let tsconfig = r#"{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}}"#;
    for (import, parts) in [
        (
            "@/lib/nope",
            &["src/flow.ts:1", "tsconfig.json maps \"@/*\" to \"src/*\""][..],
        ),
        ("~/lib/nope", &["src/flow.ts:1", "no name of a package"]),
        ("$app/nope", &["src/flow.ts:1", "no name of a package"]),
        ("@scope/nope/deep", &["npm install @scope/nope`"]),
        ("closed/deep", &["closed is there", "exports no ./deep"]),
    ] {
        let flow = format!("import a from {import:?};\nexport default a;\n");
        let files = [
            ("package.json", "{}"),
            ("tsconfig.json", tsconfig),
            ("src/flow.ts", flow.as_str()),
            (
                "node_modules/closed/package.json",
                r#"{"name": "closed", "exports": {".": "./index.js"}}"#,
            ),
        ];
        let outcome = deploy(&host, &files);
        for part in parts {
            assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
        }
        assert!(!outcome.stderr.contains("install @/"), "{}", outcome.stderr);
    }
}

/// Returns the result of each use of something that other runtimes have, and workflows have not or in another way.
const ELSEWHERE: &str = r#"
import { env } from "$env/dynamic/private";
import { STATIC } from "$env/static/private";
import { serve } from "@dormouse/sdk";

const kept = async (what: () => unknown) => {
  try { return await what(); } catch (error) { return String((error as Error).message); }
};

export default serve(async () => {
  const [seconds, nanos] = process.hrtime(process.hrtime());
  process.stdout.write("to the log\n");
  process.stderr.write("an error\n");
  return {
    variables: [env.DYNAMIC, STATIC, (import.meta as any).env.DYNAMIC],
    passed: [seconds, nanos], memory: process.memoryUsage().heapUsed,
    exit: await kept(() => process.exit(1)),
    files: await kept(async () => (await import("fs/promises")).readFile("a")),
    required: await kept(() => require("node:fs").readFileSync("a")),
    wide: new TextDecoder("utf-16le").decode(new Uint8Array([65, 0, 0xac, 0x20])),
    ciphers: [
      await kept(() => crypto.subtle.generateKey({ name: "AES-CBC", length: 256 }, true, ["encrypt"])),
      await kept(() => crypto.subtle.generateKey({ name: "AES-GCM", length: 192 }, true, ["encrypt"])),
      await kept(() => crypto.subtle.importKey("raw", new Uint8Array(16), "AES-CTR", true, ["encrypt"])),
    ],
  };
});
"#;

#[test]
fn what_other_places_have_is_there_or_says_what_to_do() {
    let host = Host::start();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("flow.ts");
    fs::write(&file, ELSEWHERE).unwrap();
    let variables = ["--env", "DYNAMIC=one", "--env", "STATIC=two"];
    let deploy = [&["deploy", "flow", file.to_str().unwrap()][..], &variables].concat();
    Cli::of(&host).run(&deploy).ok();
    let run = host.start_run("flow", &json!(null));
    let output = run.output();
    assert_eq!(output["variables"], json!(["one", "two", "one"]));
    assert_eq!(output["passed"], json!([0, 0]));
    assert_eq!(output["memory"], 0);
    assert_eq!(output["wide"], "A€");
    for (name, part) in [
        ("exit", "a workflow ends when its function returns"),
        ("files", "node:fs/promises was imported"),
        ("files", "a workflow has no files"),
        (
            "required",
            "readFileSync of node:fs was called, a module of Node that is not there",
        ),
    ] {
        let text = output[name].as_str().unwrap();
        assert!(text.contains(part), "{name}: {text}");
    }
    for refused in output["ciphers"].as_array().unwrap() {
        assert!(
            refused.as_str().unwrap().contains("is not there"),
            "{refused}"
        );
    }
    let logs = run.logs().to_string();
    for part in ["\"to the log\"", "\"an error\""] {
        assert!(logs.contains(part), "{part}: {logs}");
    }
}
