//! Programs for Upstash Workflow use the exports, the options and the guarantees of its package.

use dormouse_e2e::{Cli, Host, Run, Service, wait_until};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Deploys a text as a workflow. Returns the standard output and the standard error of the command.
#[track_caller]
fn deploy(host: &Host, workflow: &str, text: &str) -> (String, String) {
    let outcome = try_deploy(host, workflow, text);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    (outcome.stdout, outcome.stderr)
}

fn try_deploy(host: &Host, workflow: &str, text: &str) -> dormouse_e2e::Outcome {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("flow.ts");
    std::fs::write(&file, text).unwrap();
    std::fs::write(folder.path().join("other.ts"), "export const one = 1;\n").unwrap();
    Cli::of(host).run(&["deploy", workflow, file.to_str().unwrap()])
}

/// Plays a scenario of a program by `dormouse test`.
fn play(text: &str, scenario: &str) -> dormouse_e2e::Outcome {
    let folder = TempDir::new().unwrap();
    let (script, file) = (folder.path().join("flow.ts"), folder.path().join("a.toml"));
    std::fs::write(&script, text).unwrap();
    std::fs::write(&file, scenario).unwrap();
    Cli::alone().run(&["test", script.to_str().unwrap(), file.to_str().unwrap()])
}

/// Returns the runs of a workflow, the newest first.
fn runs(host: &Host, workflow: &str) -> Vec<Run> {
    let path = format!("/v1/runs?workflow={workflow}");
    let listed = host.get(&path).expect(200).json();
    let runs = listed["runs"].as_array().unwrap().iter();
    runs.map(|run| host.run(run["id"].as_str().unwrap()))
        .collect()
}

/// Waits until a workflow has a run, and returns the run.
fn only(host: &Host, workflow: &str) -> Run {
    wait_until("the run is started", || runs(host, workflow).pop())
}

#[test]
fn every_name_of_the_package_is_there_and_no_other() {
    let host = Host::start();
    deploy(
        &host,
        "names",
        r#"
import * as sdk from "@upstash/workflow";
import { servePagesRouter } from "@upstash/workflow/nextjs";
export const { handler } = servePagesRouter(async () => Object.keys(sdk).sort());
"#,
    );
    assert_eq!(
        host.start_run("names", &json!(null)).output(),
        json!([
            "Client",
            "StepTypes",
            "WorkflowAbort",
            "WorkflowContext",
            "WorkflowError",
            "WorkflowMiddleware",
            "WorkflowNonRetryableError",
            "WorkflowRetryAfterError",
            "createWorkflow",
            "createWorkflowPagesRouter",
            "loggingMiddleware",
            "serve",
            "serveMany",
            "serveManyPagesRouter",
            "servePagesRouter",
        ])
    );
}

#[test]
fn an_import_of_a_name_that_is_not_exported_is_refused_with_its_place() {
    let host = Host::start();
    for (text, parts) in [
        (
            "import { one } from \"./other\";\nimport { serve, Clients } from \"@upstash/workflow\";\nserve(async () => [one, Clients]);\n",
            &[
                "flow.ts:2",
                "\"@upstash/workflow\" does not export \"Clients\"",
                "import { serve, Clients }",
                "Client, ",
            ][..],
        ),
        (
            "import { serve } from \"@dormouse/sdk\";\nimport { two as one } from './other';\nserve(async () => one);\n",
            &["flow.ts:2", "\"./other\" does not export \"two\""],
        ),
        (
            "import { serve } from \"@dormouse/sdk\";\n\nimport other from \"./other\";\nserve(async () => other);\n",
            &["flow.ts:3", "\"./other\" does not export \"default\""],
        ),
        (
            "import { serve } from \"@dormouse/sdk\";\nexport { three } from \"./other\";\nserve(async () => 1);\n",
            &["flow.ts:2", "\"./other\" does not export \"three\""],
        ),
    ] {
        let refused = try_deploy(&host, "flow", text);
        assert_ne!(refused.code, 0, "{text}");
        assert!(!refused.stderr.contains("dormouse:"), "{}", refused.stderr);
        for part in parts {
            assert!(refused.stderr.contains(part), "{text}: {}", refused.stderr);
        }
    }
}

const CLIENT: &str = r#"
import { Client, serve } from "@upstash/workflow";

const client = new Client({ token: process.env.QSTASH_TOKEN! });

export const { POST } = serve<{ how: string; url: string }>(async (context) => {
  const { how, url } = context.requestPayload ?? {};
  if (how === "child") {
    const { eventData } = await context.waitForEvent("wait", "go", { timeout: "1h" });
    return { eventData, from: context.headers.get("x-from"), label: context.label };
  }
  const { workflowRunId } = await client.trigger({
    url: `https://app.example/api/workflows/client`, body: { how: "child" }, headers: { "X-From": "parent" }, label: "of-client",
    retries: 3,
  });
  const [other] = await client.trigger([{ url: "https://app.example/client", body: { how: "child" } }]);
  const reached = await client.notify({ eventId: "go", eventData: { n: 1 }, workflowRunId: `wfr_${workflowRunId}` });
  const cancelled = await client.cancel({ ids: [other.workflowRunId] });
  const refused: string[] = [];
  for (const ask of [() => client.getWaiters({ eventId: "go" }), () => client.logs(), () => client.dlq, () => client.cancel({ all: true })]) {
    try { await ask(); } catch (error) { refused.push((error as Error).message); }
  }
  return { workflowRunId, other: other.workflowRunId, reached: reached.length, cancelled, refused };
});
"#;

#[test]
fn the_client_starts_notifies_and_cancels_runs_of_this_host() {
    let mut host = Host::start();
    deploy(&host, "client", CLIENT);
    let parent = host.start_run("client", &json!({"how": "parent"}));
    let output = parent.output();
    host.restart();
    let child = host.run(output["workflowRunId"].as_str().unwrap());
    assert_eq!(
        child.output(),
        json!({"eventData": {"n": 1}, "from": "parent", "label": "of-client"})
    );
    assert_eq!(child.show()["labels"]["label"], "of-client");
    let other = host.run(output["other"].as_str().unwrap());
    assert_eq!(other.end()["status"], "cancelled");
    assert_eq!(output["cancelled"], json!({"cancelled": 1}));
    let refused = output["refused"].to_string();
    for part in [
        "dormouse runs --waiting event",
        "dormouse journal RUN",
        "dormouse retry",
        "dormouse cancel --workflow",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
    let logs = parent.logs().to_string();
    assert!(logs.contains("the option retries of trigger"), "{logs}");
    // While the file is deployed there is no run, and only a run can send an event.
    let top = "import { Client, serve } from '@upstash/workflow';\nserve(async () => 1);\nnew Client({}).notify({ eventId: 'a' });\n";
    let refused = try_deploy(&host, "top", top);
    assert!(refused.stderr.contains("top level"), "{}", refused.stderr);
}

#[test]
fn middlewares_are_called_for_steps_and_for_the_run() {
    let host = Host::start();
    deploy(
        &host,
        "watched",
        r#"
import { serve, WorkflowMiddleware, loggingMiddleware } from "@upstash/workflow";

const told: string[] = [];
const watching = new WorkflowMiddleware({
  name: "watching",
  init: async () => ({
    runStarted: ({ context }) => { told.push(`started ${context.requestPayload.how}`); },
    beforeExecution: ({ stepName }) => { told.push(`before ${stepName}`); },
    afterExecution: ({ stepName, result }) => { told.push(`after ${stepName}: ${result}`); if (stepName === "two") throw new Error("of two"); },
    runCompleted: ({ result }) => { console.log(`completed with ${result.length}`); },
    onError: ({ error }) => { told.push(`error ${error.message}`); console.log(told.join(", ")); },
  }),
});
export const { POST } = serve<{ how: string }>(async (context) => {
  await context.run("one", () => 1);
  await context.sleep("nap", "1ms");
  await context.run("two", async () => 2);
  if (context.requestPayload.how === "fail") throw new Error("on purpose");
  return told;
}, { middlewares: [watching, loggingMiddleware] });
"#,
    );
    let run = host.start_run("watched", &json!({"how": "well"}));
    let told = [
        "started well",
        "before one",
        "after one: 1",
        "before nap",
        "after nap: undefined",
        "before two",
        "after two: 2",
        "error of two",
    ];
    assert_eq!(run.output(), json!(told));
    let logs = run.logs().to_string();
    assert!(logs.contains("completed with 8"), "{logs}");
    assert!(logs.contains("a step has ended"), "{logs}");
    let run = host.start_run("watched", &json!({"how": "fail"}));
    assert!(run.failure().1.contains("on purpose"));
    let logs = run.logs().to_string();
    assert!(logs.contains("error on purpose"), "{logs}");
}

#[test]
fn the_options_of_steps_are_obeyed() {
    let host = Host::with(&["--allow-private-egress"]);
    deploy(
        &host,
        "other",
        r#"
import { serve } from "@upstash/workflow";
export const { POST } = serve<{ how: string }>(async (context) => {
  const { how } = context.requestPayload;
  if (how === "fail") throw new Error("on purpose");
  if (how === "wait") return await context.waitForEvent("wait", "go", 3600 as any);
  return { from: context.headers.get("x-from"), label: context.label };
});
"#,
    );
    deploy(
        &host,
        "asks",
        r#"
import { serve } from "@upstash/workflow";
export const { POST } = serve<{ one: string }>(async (context) => {
  const settings = { headers: { "X-From": "asks" }, label: "mine", retries: 1, labels: 2 };
  const invoked = await context.invoke("invoke", { workflow: "other", body: { how: "tell" }, ...settings });
  const failed = await context.invoke("fail", { workflow: "other", body: { how: "fail" } });
  const called = await context.call("call", { workflow: "other", body: { how: "tell" } } as any);
  const notified = await context.notify("notify", "go", { to: "one" }, context.requestPayload.one);
  const late = await context.waitForEvent("late", "never", 0.001 as any);
  return { invoked, failed, called, reached: notified.notifyResponse.length, late };
});
"#,
    );
    let one = host.start_run("other", &json!({"how": "wait"}));
    let two = host.start_run("other", &json!({"how": "wait"}));
    one.wait_for_operation("wait");
    two.wait_for_operation("wait");
    let run = host.start_run("asks", &json!({"one": format!("wfr_{}", one.id())}));
    let output = run.output();
    assert_eq!(
        output["invoked"],
        json!({"body": {"from": "asks", "label": "mine"}, "isFailed": false, "isCanceled": false})
    );
    let failed = &output["failed"];
    assert_eq!(
        (&failed["body"], &failed["isFailed"]),
        (&Value::Null, &json!(true))
    );
    assert!(
        failed["failure"]["message"]
            .as_str()
            .unwrap()
            .contains("on purpose")
    );
    let called = host.run(output["called"]["body"]["workflowRunId"].as_str().unwrap());
    assert_eq!(called.output()["from"], Value::Null);
    assert_eq!(output["reached"], 1);
    assert_eq!(output["late"], json!({"timeout": true}));
    // Only the named run got the event.
    assert_eq!(one.output()["eventData"], json!({"to": "one"}));
    assert_eq!(two.status(), "suspended");
    let logs = run.logs().to_string();
    assert!(logs.contains("the option retries of invoke"), "{logs}");
    assert!(logs.contains("did you mean label?"), "{logs}");
}

#[test]
fn months_are_spans() {
    let program = "import { serve } from '@upstash/workflow';\nserve(async (context) => { await context.sleep('long', '1mo'); });\n";
    play(program, "[expect]\ntook = '30d'\n").ok();
}

/// A workflow that calls the services of `context.api`.
const SERVICES: &str = r#"
import { serve } from "@upstash/workflow";
serve(async (context) => {
  const { body } = await context.api.openai.call("ask", {
    token: "key", operation: "chat.completions.create", body: { model: "gpt-4o", messages: [{ role: "user", content: "hi" }] },
  });
  await context.api.openai.call("ask another", { token: "key", operation: "chat.completions.create", baseURL: "https://llm.example/v1", body: {} });
  await context.api.anthropic.call("ask claude", { token: "key", operation: "messages.create", body: { model: "claude" }, headers: { "x-own": "a" } });
  await context.api.resend.call("mail", { token: "key", body: { to: "a" } });
  await context.api.resend.call("mails", { token: "key", batch: true, body: [{ to: "a" }] });
  try {
    await context.api.openai.call("none", { token: undefined as any, operation: "chat.completions.create", body: {} });
  } catch (error) { return [body, (error as Error).message]; }
});
"#;

#[test]
fn services_of_upstash_are_called_as_their_providers_want_it() {
    let scenario = r#"
[[step]]
call = { method = "POST", url = "https://api.openai.com/v1/chat/completions", headers = { authorization = "Bearer key", content-type = "application/json" }, json_like = { model = "gpt-4o" } }
respond = { status = 200, json = { id = "chat" } }

[[step]]
call = { method = "POST", url = "https://llm.example/v1/chat/completions", headers = { authorization = "Bearer key" } }
respond = { status = 200 }

[[step]]
call = { method = "POST", url = "https://api.anthropic.com/v1/messages", headers = { x-api-key = "key", anthropic-version = "2023-06-01", x-own = "a" } }
respond = { status = 200 }

[[step]]
call = { method = "POST", url = "https://api.resend.com/emails", headers = { authorization = "Bearer key" }, json_like = { to = "a" } }
respond = { status = 200 }

[[step]]
call = { method = "POST", url = "https://api.resend.com/emails/batch" }
respond = { status = 200 }

[expect]
output = [{ id = "chat" }, "context.api.openai.call was given no `token`; is its environment variable set (deploy --env, --secret)?"]
"#;
    play(SERVICES, scenario).ok();
}

#[test]
fn options_that_have_no_effect_are_named_when_the_file_is_deployed() {
    let host = Host::start();
    let (stdout, stderr) = deploy(
        &host,
        "options",
        r#"
import { serve } from "@upstash/workflow";
export const { POST } = serve(async () => 1, { retries: 1, baseUrl: "https://a.example", flowControl: { key: "a" }, retryDelays: 1 } as any);
"#,
    );
    assert!(stdout.starts_with("options is now version"), "{stdout}");
    for part in [
        "the option baseUrl of serve has no effect",
        "the option flowControl of serve has no effect",
        "no option \"retryDelays\"",
        "did you mean retryDelay?",
    ] {
        assert!(stderr.contains(part), "{stderr}");
    }
    assert!(!stderr.contains("option retries"), "{stderr}");
    // The warning also comes if the file asks for the time at its top level, so that each run evaluates the file.
    let (_, stderr) = deploy(
        &host,
        "clock",
        "import { serve } from '@upstash/workflow';\nconst at = Date.now();\nserve(async () => at, { url: 'https://a.example' });\n",
    );
    assert!(stderr.contains("the option url of serve"), "{stderr}");
}

const FAILING: &str = r#"
import { serve } from "@upstash/workflow";
export const { POST } = serve<{ url: string; how: string }>(async (context) => {
  const { how } = context.requestPayload;
  if (how === "wait") await context.sleep("long", "1h");
  throw new Error("on purpose");
}, {
  schema: { parse: (input: any) => { if (input.how === "wrong") throw new Error("the input is wrong"); return input; } },
  failureFunction: async ({ context, failStatus, failResponse, failStack }) => {
    const { requestPayload, workflowRunId, url } = context;
    const told = { workflowRunId, url, from: context.headers.get("x-from"), failStatus, failResponse, failStack, how: requestPayload.how };
    const { status } = await context.call("tell", { url: requestPayload.url, method: "POST", body: told });
    return `told ${status}`;
  },
});
"#;

#[test]
fn the_failure_function_is_a_run_of_its_own() {
    let host = Host::with(&["--allow-private-egress"]);
    let service = Service::answering(&[202]);
    let (stdout, _) = deploy(&host, "order", FAILING);
    assert!(
        stdout.starts_with("order and order-failed are now version"),
        "{stdout}"
    );
    let settings = || host.get("/v1/workflows/order/settings").expect(200).json();
    assert_eq!(settings()["on_failure"], "order-failed");
    let input = json!({"url": service.url(), "how": "fail"});
    let started = host
        .request("POST", "/v1/workflows/order/runs")
        .header("x-from", "a test")
        .json(&input)
        .send();
    let run = host.run(started.expect(202).json()["id"].as_str().unwrap());
    run.failure();
    let told = service.wait_for(1)[0].json();
    assert_eq!(told["workflowRunId"], run.id());
    assert_eq!(told["url"], "/v1/workflows/order");
    assert_eq!(told["from"], "a test");
    assert_eq!(
        (&told["failStatus"], &told["how"]),
        (&json!(500), &json!("fail"))
    );
    assert_eq!(told["failResponse"], "on purpose");
    assert!(
        told["failStack"].as_str().unwrap().contains("flow.ts:6"),
        "{told}"
    );
    assert_eq!(only(&host, "order-failed").output(), "told 202");
    // The failure function also runs if the workflow failed because of its input.
    host.start_run("order", &json!({"url": service.url(), "how": "wrong"}))
        .failure();
    assert_eq!(
        service.wait_for(2)[1].json()["failResponse"],
        "the input is wrong"
    );

    // A cancelled run has not failed, so no failure function runs.
    let waiting = host.start_run("order", &json!({"url": service.url(), "how": "wait"}));
    waiting.wait_for_operation("long");
    waiting.cancel();
    assert_eq!(waiting.end()["status"], "cancelled");
    assert_eq!(runs(&host, "order-failed").len(), 2);

    // A setting that was made by the command line is kept.
    let set = ["workflows", "set", "order", "--on-failure", "alert"];
    Cli::of(&host).run(&set).ok();
    let (_, stderr) = deploy(&host, "order", FAILING);
    assert!(stderr.contains("alert"), "{stderr}");
    assert_eq!(settings()["on_failure"], "alert");
    let set = ["workflows", "set", "order", "--on-failure", "order-failed"];
    Cli::of(&host).run(&set).ok();
    // Without a `failureFunction`, the setting `on_failure` is removed.
    let plain = "import { serve } from '@upstash/workflow';\nserve(async () => 1);\n";
    deploy(&host, "order", plain);
    assert_eq!(settings()["on_failure"], Value::Null);
    // A workflow that was deployed under the name by itself is not replaced.
    deploy(&host, "mine-failed", plain);
    let refused = try_deploy(&host, "mine", FAILING);
    assert!(refused.stderr.contains("mine-failed"), "{}", refused.stderr);
}

#[test]
fn workflows_of_one_file_are_deployed_under_names_of_their_own() {
    let host = Host::start();
    let (stdout, _) = deploy(
        &host,
        "shop",
        r#"
import { createWorkflow, serveMany } from "@upstash/workflow/nextjs";

const alone = createWorkflow(async (context) => ({ alone: context.requestPayload }));

const workflowTwo = createWorkflow(async (context) => {
  const { body } = await context.invoke("alone", { workflow: alone, body: context.requestPayload });
  return { two: body, name: context.workflowName };
});

const workflowOne = createWorkflow(async (context) => {
  const { body } = await context.invoke("two", { workflow: workflowTwo, body: 2 });
  const called = await context.call("two again", { workflow: workflowTwo, body: 3 });
  return { one: body, called: called.body };
});

const failing = createWorkflow(async () => { throw new Error("on purpose"); }, {
  failureFunction: ({ context, failResponse }) => `${context.workflowName}: ${failResponse}`,
});

export const { POST } = serveMany({ workflowOne, workflowTwo, failing });
"#,
    );
    assert!(
        stdout.starts_with(
            "shop-workflow-one, shop-workflow-two, shop-failing and shop-failing-failed are now"
        ),
        "{stdout}"
    );
    host.get("/v1/workflows/shop").expect(404);
    let output = host.start_run("shop-workflow-one", &json!(null)).output();
    assert_eq!(
        output["one"],
        json!({"two": {"alone": 2}, "name": "shop-workflow-two"})
    );
    let called = output["called"]["workflowRunId"].as_str().unwrap();
    assert_eq!(host.run(called).output()["two"], json!({"alone": 3}));
    host.start_run("shop-failing", &json!(null)).failure();
    assert_eq!(
        only(&host, "shop-failing-failed").output(),
        "shop-failing: on purpose"
    );
}

#[test]
fn misuse_of_serve_is_reported_with_what_to_do() {
    let host = Host::start();
    for (text, parts) in [
        (
            "import { serve } from '@upstash/workflow';\nexport const POST = (request: Request) => serve(async () => 1);\n",
            &["top level of the file", "in a handler"][..],
        ),
        (
            "import { serve } from '@upstash/workflow';\nserve(async () => 1);\nserve(async () => 2);\n",
            &["serve was called twice", "serveMany({ one: createWorkflow("],
        ),
        (
            "import { createWorkflow, serve, serveMany } from '@upstash/workflow';\nserve(async () => 1);\nserveMany({ a: createWorkflow(async () => 2) });\n",
            &["serve and serveMany were both called", "createWorkflow("],
        ),
        (
            "import { serveMany } from '@upstash/workflow';\nserveMany({ a: async () => 2 } as any);\n",
            &["createWorkflow returns"],
        ),
    ] {
        let refused = try_deploy(&host, "flow", text);
        assert_ne!(refused.code, 0, "{text}");
        for part in parts {
            assert!(refused.stderr.contains(part), "{text}: {}", refused.stderr);
        }
    }
}

#[test]
fn bodies_of_calls_are_sent_according_to_their_type() {
    let program = r#"
import { serve } from "@upstash/workflow";
serve(async (context) => {
  const url = "https://a.example/";
  await context.call("form", { url, method: "POST", body: new URLSearchParams({ a: "b c" }) } as any);
  await context.call("typed", { url, method: "POST", body: new URLSearchParams({ a: "b" }), headers: { "content-type": "text/plain" } } as any);
  await context.call("value", { url, method: "POST", body: { a: 1 } } as any);
  try {
    await context.call("asked", { url, body: "a" });
  } catch (error) { return [(error as Error).name, (error as Error).message]; }
});
"#;
    let scenario = r#"
[[step]]
call = { headers = { content-type = "application/x-www-form-urlencoded;charset=UTF-8" }, text = "a=b+c" }
respond = { status = 200 }

[[step]]
call = { headers = { content-type = "text/plain" }, text = "a=b" }
respond = { status = 200 }

[[step]]
call = { headers = { content-type = "application/json" }, json = { a = 1 } }
respond = { status = 200 }

[expect]
output = ["WorkflowError", '''the call "asked" has a body, and a request by GET has none (RFC 9110, section 9.3.1); give it another `method`, such as "POST", or no `body`''']
"#;
    play(program, scenario).ok();
}
