//! Workflows in TypeScript: the author's file is deployed unchanged, and a run continues after the host was killed.

use std::path::PathBuf;

use dormouse_e2e::{Cli, Host, Run, Service, request};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A workflow that fails in the way that its input names.
const HOSTILE: &str = r#"
import { serve } from "@upstash/workflow";

interface Input { how: string }

export const { POST } = serve<Input>(async (context) => {
  const { how } = context.requestPayload;
  const nothing = undefined as any;
  if (how === "type") nothing.missing();
  if (how === "deep") { const call = (n: number): number => call(n + 1) + 1; call(0); }
  if (how === "never") await new Promise(() => {});
  if (how === "thrown") throw { reason: "no error" };
  if (how === "coded") throw Object.assign(new Error("declined"), { code: "card-declined" });
  if (how === "json") JSON.parse("[".repeat(100_000));
  if (how === "lost") { Promise.reject(new Error("nobody caught this")); await context.sleep("a moment", "1ms"); }
  if (how === "circle") { const circle: any = {}; circle.circle = circle; return circle; }
  if (how === "big") return { big: 1n };
  if (how === "step") await context.run("a step", () => { const circle: any = {}; circle.circle = circle; return circle; });
  if (how === "intl") new Intl.NumberFormat("de");
  if (how === "kept") { try { JSON.parse("[".repeat(100_000)); } catch (error) { return (error as Error).message; } }
  return "done";
});
"#;

/// A workflow that fetches in a step, waits, and returns the values that it has seen.
const FETCHING: &str = r#"
import { serve } from "@upstash/workflow";

export const { POST } = serve<{ url: string }>(async (context) => {
  const first = await context.run("ask", async () => {
    const response = await fetch(context.requestPayload.url, { method: "POST", body: "question" });
    return { status: response.status, at: Date.now(), rng: Math.random(), id: crypto.randomUUID() };
  });
  const hook = await context.createWebhook("hook");
  await context.call("tell", { url: context.requestPayload.url, method: "POST", body: { hook: hook.webhookUrl, first } });
  const timer = new Promise((resolve) => setTimeout(() => resolve("too late"), 3_600_000));
  const waited = context.waitForWebhook("answer", hook, "1h").then(({ request }) => request!.text());
  const answer = await Promise.race([waited, timer]);
  return { first, answer };
});
"#;

fn example(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("examples/typescript").join(name)
}

/// Deploys a file as a workflow.
#[track_caller]
fn deploy(host: &Host, workflow: &str, file: &std::path::Path) {
    let file = file.to_str().unwrap();
    Cli::of(host).run(&["deploy", workflow, file]).ok();
}

/// Deploys a text as a workflow.
#[track_caller]
fn deploy_text(host: &Host, workflow: &str, text: &str) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("flow.ts");
    std::fs::write(&file, text).unwrap();
    deploy(host, workflow, &file);
}

#[test]
fn the_program_of_another_service_runs_as_it_is_through_a_kill() {
    let service = Service::answering(&[202]);
    let mut host = Host::start();
    deploy(&host, "progress", &example("progress.ts"));
    let run = host.start_run("progress", &json!({"serviceUrl": service.url()}));
    let hook = service.wait_for(1)[0].field("webhookUrl");
    let update = |percent: u8| request("POST", &hook).json(&json!({"percent": percent}));
    update(0).send().expect(202);
    host.restart();
    update(50).send().expect(202);
    update(100)
        .header("x-task-finished", "true")
        .send()
        .expect(202);
    assert_eq!(
        run.output(),
        json!([{"percent": 0}, {"percent": 50}, {"percent": 100}])
    );
}

#[test]
fn a_fetch_in_a_step_is_made_once_and_time_and_chance_are_kept() {
    let service = Service::answering(&[200]);
    let mut host = Host::start();
    deploy_text(&host, "fetching", FETCHING);
    let run = host.start_run("fetching", &json!({"url": service.url()}));
    let requests = service.wait_for(2);
    let told: Value = serde_json::from_slice(&requests[1].body).unwrap();
    host.restart();
    let hook = told["hook"].as_str().unwrap();
    request("POST", hook).body("here").send().expect(202);
    let output = run.output();
    assert_eq!(output["answer"], "here");
    assert_eq!(output["first"], told["first"]);
    // Each request was made once, although the program was executed again.
    let keys: std::collections::BTreeSet<_> = service
        .wait_for(2)
        .iter()
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 2);
}

fn hostile(host: &Host, how: &str) -> Run {
    host.start_run("hostile", &json!({"how": how}))
}

#[test]
fn an_error_of_a_script_is_shown_with_its_file_and_line() {
    let host = Host::with(&["--allow-private-egress", "--when-broken", "block"]);
    deploy_text(&host, "hostile", HOSTILE);
    // A mistake in the program blocks the run, so that repaired code can continue it.
    for (how, code, parts) in [
        ("type", "trap", &["TypeError", "flow.ts:9"][..]),
        ("deep", "trap", &["RangeError", "flow.ts:10"]),
        ("never", "stuck", &[]),
        (
            "circle",
            "trap",
            &["TypeError", "what the workflow returned", "circular"],
        ),
        (
            "big",
            "trap",
            &["TypeError", "what the workflow returned", "BigInt"],
        ),
        (
            "step",
            "trap",
            &["TypeError", "the step \"a step\"", "circular"],
        ),
    ] {
        let shown = hostile(&host, how).wait_for_status("blocked");
        let failure = &shown["failure"];
        assert_eq!(failure["code"], code, "{how}: {failure}");
        let message = failure["message"].as_str().unwrap();
        for part in parts {
            assert!(message.contains(part), "{how}: {failure}");
        }
    }
    // An error that the program itself throws fails the run.
    for (how, code, part) in [
        ("thrown", "error", "no error"),
        ("coded", "card-declined", "flow.ts:13"),
        ("json", "json-too-deep", "1000 deep"),
        ("lost", "error", "nobody caught this"),
    ] {
        let failure = hostile(&host, how).failure();
        assert_eq!(failure.0, code, "{how}: {failure:?}");
        assert!(failure.1.contains(part), "{how}: {failure:?}");
    }
    let caught = hostile(&host, "kept").output();
    assert!(caught.as_str().unwrap().contains("1000 deep"));
}

#[test]
fn a_file_without_a_workflow_is_refused_with_its_place() {
    let host = Host::start();
    let folder = TempDir::new().unwrap();
    for (text, parts) in [
        ("let a: = 3;\n", &["flow.ts:1:8", "let a: = 3;"][..]),
        (
            "import fs from \"node:fs\";\nfs.readFileSync(\"a\");\n",
            &["flow.ts:1", "\"node:fs\"", "no files"],
        ),
        (
            "import { z } from \"zod\";\nz.string();\n",
            &["flow.ts:1", "npm install zod"],
        ),
        (
            "import { x } from \"./other\";\nx();\n",
            &["flow.ts:1", "./other", "no such file"],
        ),
        (
            "export const a = await fetch(\"http://localhost/\");\n",
            &["top level", "serve", "flow.ts:1"],
        ),
    ] {
        let file = folder.path().join("flow.ts");
        std::fs::write(&file, text).unwrap();
        let outcome = Cli::of(&host).run(&["deploy", "flow", file.to_str().unwrap()]);
        assert_ne!(outcome.code, 0, "{text}");
        for part in parts {
            assert!(outcome.stderr.contains(part), "{text}: {}", outcome.stderr);
        }
    }
}

#[test]
fn one_file_is_deployed_through_the_api_and_refused_with_its_place() {
    let host = Host::start();
    let put = |kind: &str, text: &[u8]| {
        let url = format!("{}/v1/workflows/flow", host.url());
        request("PUT", url)
            .header("content-type", kind)
            .body(text)
            .send()
    };
    let good = b"import { serve } from \"@dormouse/sdk\";\nexport default serve(async () => ({ answer: 42 as number }));\n";
    let deployed = put("application/typescript; charset=utf-8", good)
        .expect(201)
        .json();
    assert_eq!(
        host.start_run("flow", &json!({})).output(),
        json!({"answer": 42})
    );
    // The command line uploads the same bundle, so the version is the same.
    deploy_text(&host, "flow", std::str::from_utf8(good).unwrap());
    assert_eq!(
        put("text/typescript", good).expect(200).json()["version"],
        deployed["version"]
    );
    for (text, parts) in [
        ("let a: = 3;\n", &["workflow.ts:1:8", "let a: = 3;"][..]),
        (
            "import { z } from \"zod\";\nz.string();\n",
            &["workflow.ts:1", "\"zod\""],
        ),
        ("export const a = 1;\n", &["serve"]),
        (
            "throw new Error(\"at once\");\n",
            &["at once", "workflow.ts:1"],
        ),
    ] {
        let detail = put("application/typescript", text.as_bytes())
            .expect_problem(422, "invalid-script")
            .detail();
        for part in parts {
            assert!(detail.contains(part), "{text}: {detail}");
        }
    }
    put("application/typescript", b"let a = \"\xff\";").expect_problem(400, "invalid-script");
}

#[test]
fn an_unhandled_rejection_is_logged_and_fails_a_run_only_at_its_end() {
    let host = Host::start();
    deploy_text(
        &host,
        "late",
        r#"
import { serve } from "@dormouse/sdk";
export default serve<{ handles: boolean }>(async (context) => {
  const lost = Promise.reject(new Error("nobody caught this"));
  await context.sleep("a moment", "1ms");
  if (context.requestPayload.handles) await lost.catch(() => {});
  return "done";
});
"#,
    );
    let run = host.start_run("late", &json!({"handles": true}));
    assert_eq!(run.output(), "done");
    let logs = run.logs().to_string();
    assert!(
        logs.contains("nobody caught this") && logs.contains("nothing has handled"),
        "{logs}"
    );
    let run = host.start_run("late", &json!({"handles": false}));
    assert!(run.failure().1.contains("nobody caught this"));
}

/// To compile the runtime takes seconds, and its code is the same in all workflows.
#[test]
fn the_javascript_runtime_is_compiled_once_for_all_workflows() {
    let mut host = Host::start();
    let workflow = |answer: &str| {
        format!("import {{ serve }} from '@dormouse/sdk'; serve(async () => {answer});")
    };
    deploy_text(&host, "one", &workflow("1"));
    deploy_text(&host, "two", &workflow("2"));
    host.kill();
    host.resume();
    deploy_text(&host, "three", &workflow("3"));
    for (name, answer) in [("one", 1), ("two", 2), ("three", 3)] {
        assert_eq!(host.start_run(name, &json!(null)).output(), json!(answer));
    }
    let log = host.log();
    let compiled = log.matches("compiled the JavaScript runtime").count();
    assert_eq!(compiled, 1, "{log}");
}

/// The evaluation of a workflow may take as much memory as the limit for compilers says. Reserved addresses do not count.
#[test]
fn a_workflow_that_eats_memory_at_deployment_has_what_a_compiler_may_have() {
    let host = Host::with(&["--compile-memory-limit", "512MiB"]);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("flow.ts");
    let eats = "const kept = []; let mebibytes = 0;
        try { for (;;) { kept.push(new Uint8Array(1 << 20)); mebibytes++; } } catch { kept.length = 0; }
        throw new Error(`ate ${mebibytes}.`);";
    std::fs::write(&file, eats).unwrap();
    let answer = Cli::of(&host).run(&["deploy", "eater", file.to_str().unwrap()]);
    let ate = answer.stderr.split_once("ate ").unwrap().1;
    let ate: u32 = ate.split_once('.').unwrap().0.parse().unwrap();
    assert!((64..512).contains(&ate), "{}", answer.stderr);
}

#[test]
fn a_result_that_json_cannot_express_is_absent() {
    let host = Host::start();
    deploy_text(
        &host,
        "none",
        r#"
import { serve } from "@dormouse/sdk";
export default serve<string>(async (context) => {
  const given = { function: () => 1, symbol: Symbol("a"), undefined: undefined, json: { toJSON: () => undefined } }[context.requestPayload];
  const step = await context.run("a step", () => given);
  return step === undefined ? given : `the step gave ${JSON.stringify(step)}`;
});
"#,
    );
    for given in ["function", "symbol", "undefined", "json"] {
        let run = host.start_run("none", &json!(given));
        run.wait_for_status("completed");
        let answer = run.get("/output").expect(200);
        assert_eq!(answer.text(), "", "{given}");
    }
}

/// A workflow whose errors have causes. The errors are shown in the log, in a failed step, and in the failure of the run.
const CAUSED: &str = r#"
import { serve } from "@dormouse/sdk";

interface Order { lines: { price: number }[] }

const total = (order: Order) =>
  order.lines.reduce((sum, line) => sum + line.price, 0);

export default serve<Order>(async (context) => {
  try {
    await Promise.any([Promise.reject(new Error("the first")), Promise.reject(new RangeError("the second"))]);
  } catch (error) {
    console.error(error);
  }
  await context.run("total", async () => total(context.requestPayload)).catch((cause) => {
    throw new Error("no total", { cause });
  });
}, { retries: 1, retryDelay: 1 });
"#;

#[test]
fn errors_are_shown_with_their_places_and_causes() {
    let host = Host::start();
    deploy_text(&host, "caused", CAUSED);
    let run = host.start_run("caused", &json!({}));
    let (_, message) = run.failure();
    let parts = [
        "no total",
        "flow.ts:16",
        "caused by: TypeError: cannot read property 'reduce' of undefined",
        "total (flow.ts:6",
    ];
    for part in parts {
        assert!(message.contains(part), "{part}: {message}");
    }
    let logs = run.logs();
    let logged = |begin: &str| {
        let lines = logs["lines"].as_array().unwrap().iter();
        let mut messages = lines.filter_map(|line| line["message"].as_str());
        let found = messages.find(|message| message.starts_with(begin));
        found.unwrap_or_else(|| panic!("{begin}: {logs}"))
    };
    let step = logged("the step \"total\" failed");
    assert!(step.contains("TypeError: cannot read"), "{step}");
    assert!(step.contains("total (flow.ts:6"), "{step}");
    let told = logged("AggregateError");
    for part in [
        "error 1: the first",
        "error 2: RangeError: the second",
        "flow.ts:11",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_run_that_computes_for_too_long_says_where_in_its_log() {
    let host = Host::with(&["--when-broken", "block", "--cpu-limit", "4s"]);
    deploy_text(
        &host,
        "endless",
        r#"
import { serve } from "@dormouse/sdk";
const search = () => {
  for (;;) Math.sqrt(2);
};
export default serve(async () => search());
"#,
    );
    let run = host.start_run("endless", &json!(null));
    let shown = run.wait_for_status("blocked");
    assert_eq!(shown["failure"]["code"], "cpu-limit");
    let logs = run.logs().to_string();
    assert!(logs.contains("has computed for long"), "{logs}");
    assert!(logs.contains("search (flow.ts:4"), "{logs}");
}

#[test]
fn a_run_that_computes_between_its_waits_does_not_count_as_computing_for_long() {
    let host = Host::start();
    deploy_text(
        &host,
        "rounds",
        r#"
import { serve } from "@dormouse/sdk";
export default serve(async (context) => {
  for (let round = 0; round < 4; round++) {
    for (let place = 0; place < 1_500_000; place++);
    await context.sleep("a moment", 1);
  }
});
"#,
    );
    let run = host.start_run("rounds", &json!(null));
    run.wait_for_status("completed");
    let logs = run.logs().to_string();
    assert!(!logs.contains("computed for long"), "{logs}");
}
