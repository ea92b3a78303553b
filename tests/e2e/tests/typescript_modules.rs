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
fn a_module_can_require_others_and_knows_its_own_path() {
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
fn a_missing_module_is_named_with_what_to_do() {
    let host = Host::start();
    let tsconfig = r#"{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}}"#;
    for (import, parts) in [
        (
            "@/lib/nope",
            &["src/flow.ts:1", "tsconfig.json maps \"@/*\" to \"src/*\""][..],
        ),
        (
            "~/lib/nope",
            &["src/flow.ts:1", "not the name of a package"],
        ),
        ("$app/nope", &["src/flow.ts:1", "not the name of a package"]),
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
import { createCipheriv } from "node:crypto";
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
    socket: await kept(() => new WebSocket("wss://example.com")),
    threads: await kept(() => Atomics.wait(new Int32Array(1), 0, 0)),
    files: await kept(async () => (await import("fs/promises")).readFile("a")),
    required: await kept(() => require("node:fs").readFileSync("a")),
    wide: new TextDecoder("utf-16le").decode(new Uint8Array([65, 0, 0xac, 0x20])),
    ciphers: [
      await kept(() => crypto.subtle.generateKey({ name: "AES-KW", length: 256 }, true, ["wrapKey"])),
      await kept(() => crypto.subtle.generateKey({ name: "AES-GCM", length: 192 }, true, ["encrypt"])),
      await kept(() => createCipheriv("des-cbc", "key", "iv")),
    ],
  };
});
"#;

#[test]
fn globals_of_other_runtimes_exist_or_say_what_to_do() {
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
        ("socket", "a workflow has no sockets"),
        ("threads", "a workflow has one thread"),
        ("files", "node:fs/promises was imported"),
        ("files", "a workflow has no files"),
        (
            "required",
            "readFileSync of node:fs was called, a module of Node that is not available",
        ),
    ] {
        let text = output[name].as_str().unwrap();
        assert!(text.contains(part), "{name}: {text}");
    }
    for refused in output["ciphers"].as_array().unwrap() {
        assert!(
            refused.as_str().unwrap().contains("is not supported"),
            "{refused}"
        );
    }
    let logs = run.logs().to_string();
    for part in ["\"to the log\"", "\"an error\""] {
        assert!(logs.contains(part), "{part}: {logs}");
    }
}

/// Returns texts as people of the United States write and order them.
const LANGUAGE: &str = r#"
import { serve } from "@dormouse/sdk";

const kept = (what: () => unknown) => {
  try { return what(); } catch (error) { return (error as { code?: string }).code; }
};

export default serve(async () => {
  const time = new Date("2026-11-05T13:04:09Z");
  const day = { year: "numeric", month: "long", day: "numeric" } as const;
  const format = new Intl.DateTimeFormat("en-US", { weekday: "short", hour: "numeric", minute: "2-digit", timeZone: "UTC" });
  return {
    sorted: ["b", "a", "C", "é", "f", "E", "e", "a-b", "10", "9"].sort((a, b) => a.localeCompare(b)),
    numeric: ["a10", "a9"].sort(new Intl.Collator("en", { numeric: true }).compare),
    same: "Résumé".localeCompare("resume", undefined, { sensitivity: "base" }),
    dates: [
      time.toLocaleDateString("en-US", day), time.toLocaleDateString("en-US", { ...day, weekday: "long", timeZone: "UTC" }),
      time.toLocaleString("en-US", { dateStyle: "medium", timeStyle: "short" }), time.toLocaleTimeString("en-US", { hour12: false }),
      time.toLocaleString("en-US", { ...day, hour: "numeric", minute: "2-digit" }), format.format(time), time.toLocaleString(),
    ],
    parts: format.formatToParts(time).map(({ type }) => type),
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    money: new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" }).format(1234.5),
    plural: [1, 2, 3, 11].map((number) => new Intl.PluralRules("en", { type: "ordinal" }).select(number)),
    refused: [
      kept(() => time.toLocaleString("en-US", { timeZone: "Europe/Berlin" })), kept(() => new Intl.NumberFormat("de").format(1)),
      kept(() => "a".localeCompare("b", "sv")),
    ],
  };
});
"#;

#[test]
fn texts_are_written_and_ordered_as_in_the_united_states() {
    let output = output(&[("src/flow.ts", LANGUAGE)]);
    let expected = json!({
        "sorted": ["10", "9", "a", "a-b", "b", "C", "e", "E", "é", "f"],
        "numeric": ["a9", "a10"],
        "same": 0,
        "dates": [
            "November 5, 2026", "Thursday, November 5, 2026", "Nov 5, 2026, 1:04 PM", "13:04:09",
            "November 5, 2026 at 1:04 PM", "Thu 1:04 PM", "11/5/2026, 1:04:09 PM",
        ],
        "parts": ["weekday", "literal", "hour", "literal", "minute", "literal", "dayPeriod"],
        "zone": "UTC",
        "money": "$1,234.50",
        "plural": ["one", "two", "few", "other"],
        "refused": ["no-intl", "no-intl", "no-intl"],
    });
    assert_eq!(output, expected);
}

/// Encrypts by the ciphers of Node and of the web. The results were computed by Node.
const CIPHERS: &str = r#"
import { serve } from "@dormouse/sdk";
import { createCipheriv, createDecipheriv } from "node:crypto";

const hex = (bytes: ArrayBuffer) => Buffer.from(bytes).toString("hex");
const key = Buffer.alloc(32, 1);

const byNode = (name: string, iv: Buffer) => {
  const cipher = createCipheriv(name, key, iv) as any;
  const isSealed = name.endsWith("gcm");
  if (isSealed) cipher.setAAD(Buffer.from("aad"));
  const made = cipher.update("hello", "utf8", "hex") + cipher.final("hex");
  const opener = createDecipheriv(name, key, iv) as any;
  if (isSealed) opener.setAAD(Buffer.from("aad")).setAuthTag(cipher.getAuthTag());
  return [made, isSealed ? hex(cipher.getAuthTag()) : "", opener.update(made, "hex", "utf8") + opener.final("utf8")];
};

const byWeb = async (name: string, how: object) => {
  const imported = await crypto.subtle.importKey("raw", key, name, true, ["encrypt", "decrypt"]);
  const made = await crypto.subtle.encrypt({ name, ...how }, imported, Buffer.from("hello"));
  return [hex(made), Buffer.from(await crypto.subtle.decrypt({ name, ...how }, imported, made)).toString()];
};

export default serve(async () => {
  const iv = Buffer.alloc(16, 2);
  const changed = createDecipheriv("aes-256-gcm", key, iv).setAuthTag(Buffer.alloc(16)) as any;
  changed.update("00", "hex");
  let refused;
  try { changed.final(); } catch (error) { refused = (error as Error).message; }
  return {
    cbc: byNode("aes-256-cbc", iv), ctr: byNode("aes-256-ctr", iv), gcm: byNode("aes-256-gcm", iv), short: byNode("aes-256-gcm", iv.subarray(0, 12)),
    web: [await byWeb("AES-CBC", { iv }), await byWeb("AES-CTR", { counter: iv, length: 64 }), await byWeb("AES-GCM", { iv })],
    refused,
  };
});
"#;

const CIPHERED: &str = r#"{
  "cbc": [
    "aaf7a0b1c5d4d4b8c8abeaa891ec2755",
    "",
    "hello"
  ],
  "ctr": [
    "0acb7e9f4b",
    "",
    "hello"
  ],
  "gcm": [
    "1853fb26b0",
    "a396d552b1c06089b04e033c958b08ce",
    "hello"
  ],
  "short": [
    "6fb3a52525",
    "fdf96a2adb727c1f577e1a8c7c6db4d2",
    "hello"
  ],
  "web": [
    [
      "aaf7a0b1c5d4d4b8c8abeaa891ec2755",
      "hello"
    ],
    [
      "0acb7e9f4b",
      "hello"
    ],
    [
      "1853fb26b05c0cb421874222e1ebac1a36621186f1",
      "hello"
    ]
  ],
  "refused": "Unsupported state or unable to authenticate data"
}"#;

#[test]
fn ciphers_give_what_node_gives() {
    let output = output(&[("src/flow.ts", CIPHERS)]);
    assert_eq!(output, serde_json::from_str::<Value>(CIPHERED).unwrap());
}

/// Uses what packages have for Node's streams, and a module of Node from which a package imports more than there is.
#[test]
fn packages_for_node_have_substitutes() {
    let flow = r#"
import { serve } from "@dormouse/sdk";
import FormData from "form-data";
import nodeFetch from "node-fetch";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import { request } from "undici";
import { WebSocket as Socket } from "ws";
import { name, delay } from "thing";

export default serve(async () => {
  const large = () => new Transform({ transform: (chunk, _, done) => done(null, String(chunk).toUpperCase()) });
  const failing = new Transform({ transform: (_, __, done) => done(new Error("broken")) });
  const form = new FormData();
  form.append("file", Buffer.from("hi"), { filename: "a.txt", contentType: "text/plain" });
  const sent = await new Response(form as any).formData();
  const data = "data:text/plain,abc";
  const response = await nodeFetch(data);
  let streamed = "";
  for await (const chunk of response.body!) streamed += chunk;
  return {
    text: await text(Readable.from(["ab", "cd"]).pipe(large())),
    broken: await pipeline(Readable.from(["a"]), failing, large()).catch((error) => error.message),
    file: [(sent.get("file") as File).name, await (sent.get("file") as File).text()],
    fetched: [streamed, await (await request(data)).body.text(), (await (await nodeFetch(data)).buffer()).length],
    package: [name, delay()],
    socket: (() => { try { return new Socket("wss://example.com"); } catch (error) { return (error as { code: string }).code; } })(),
  };
});
"#;
    let output = output(&[
        ("src/flow.ts", flow),
        (
            "node_modules/thing/package.json",
            r#"{"name": "thing", "type": "module", "main": "index.js"}"#,
        ),
        (
            "node_modules/thing/index.js",
            "import { performance, monitorEventLoopDelay } from 'perf_hooks';\n\
             export const name = typeof performance.now;\n\
             export const delay = () => { try { return monitorEventLoopDelay(); } catch (error) { return error.message; } };",
        ),
    ]);
    let expected = json!({
        "text": "ABCD",
        "broken": "broken",
        "file": ["a.txt", "hi"],
        "fetched": ["abc", "abc", 3],
        "package": ["function", "monitorEventLoopDelay of node:perf_hooks was called, which is not available"],
        "socket": "no-socket",
    });
    assert_eq!(output, expected);
}
