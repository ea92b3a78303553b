//! Packages of the npm registry in workflows in TypeScript. Each workflow calls a service that answers like the package's
//! provider, the host is killed, and the workflow continues.
//!
//! `cargo xtask test` installs the packages into `target/packages`, by npm.

use std::path::PathBuf;

use dormouse_e2e::{Cli, Host, Received, Reply, Service, request, wait_until};
use serde_json::{Value, json};

/// Returns the names of the flows of `tests/packages/flows.ts`, with the result of each. The result is the same before the
/// kill and after it.
fn flows() -> Vec<(&'static str, Value)> {
    vec![
        ("openai", json!({"whole": "hello", "streamed": "hello"})),
        ("anthropic", json!({"whole": "hello", "streamed": "hello"})),
        (
            "ai",
            json!({"text": "it is 21 degrees", "steps": 2, "streamed": "hello"}),
        ),
        (
            "resend",
            json!({"id": "em_1", "error": null, "bad": "validation_error"}),
        ),
        (
            "stripe",
            json!({"id": "cus_1", "listed": ["cus_1", "cus_2"], "declined": "card_declined", "event": "charge.succeeded"}),
        ),
        (
            "redis",
            json!({"got": {"count": 1}, "more": {"count": 1}, "piped": ["OK", {"count": 1}]}),
        ),
        (
            "jose",
            json!({"plan": "small", "verified": ALGORITHMS, "made": ALGORITHMS, "opened": "small"}),
        ),
        (
            "zod",
            json!({"good": true, "bad": ["email", "lines"], "schema": "object"}),
        ),
        (
            "node",
            json!({
                "stores": [["a", "a"], ["b", "b"]],
                "outside": "none",
                "done": 7,
                "mac": "6afa9046a9579cad143a384c1b564b9a250d27d6f6a63f9f20bf3a7594c9e2c6",
                "signed": true,
                "buffer": "aMOpbGxv/w==",
            }),
        ),
    ]
}

const ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];

fn packages() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../packages")
}

/// Returns keys and tokens that another implementation made.
pub(crate) fn jose() -> Value {
    let text = std::fs::read(packages().join("jose.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

pub(crate) fn answer(body: &Value) -> Reply {
    Reply::status(200)
        .header("content-type", "application/json")
        .body(body.to_string())
}

fn stream(events: &[Value], last: &str) -> Reply {
    let events = events.iter().map(|event| {
        let name = event["type"]
            .as_str()
            .map(|name| format!("event: {name}\n"));
        format!("{}data: {event}\n\n", name.unwrap_or_default())
    });
    Reply::status(200)
        .header("content-type", "text/event-stream")
        .body(events.collect::<String>() + last)
}

/// Answers like the service of each provider. The first part of the path names the provider.
fn providers(request: &Received) -> Reply {
    let target = request.target.split('?').next().unwrap_or_default();
    match target.split('/').nth(1).unwrap_or_default() {
        "openai" => openai(&request.json()),
        "anthropic" => anthropic(&request.json()),
        "resend" => resend(&request.json()),
        "v1" => stripe(request, target),
        "redis" => redis(&request.json()),
        "jose" => keys(target),
        _ => Reply::status(200),
    }
}

fn openai(asked: &Value) -> Reply {
    let chunk = |delta: Value, reason: Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "small",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    };
    if asked["stream"] == true {
        let chunks = [
            chunk(json!({"role": "assistant", "content": "hel"}), Value::Null),
            chunk(json!({"content": "lo"}), Value::Null),
            chunk(json!({}), json!("stop")),
        ];
        return stream(&chunks, "data: [DONE]\n\n");
    }
    let messages = asked["messages"].as_array().unwrap();
    let message = if messages.iter().any(|message| message["role"] == "tool") {
        json!({"role": "assistant", "content": "it is 21 degrees"})
    } else if asked["tools"].is_array() {
        let function = json!({"name": "weather", "arguments": "{\"city\":\"Bonn\"}"});
        json!({"role": "assistant", "content": null, "tool_calls": [{"id": "t1", "type": "function", "function": function}]})
    } else {
        json!({"role": "assistant", "content": "hello"})
    };
    let reason = if message["content"].is_null() {
        "tool_calls"
    } else {
        "stop"
    };
    answer(
        &json!({"id": "c", "object": "chat.completion", "created": 1, "model": "small",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}),
    )
}

fn anthropic(asked: &Value) -> Reply {
    let message = |content: Value| {
        json!({"id": "m", "type": "message", "role": "assistant", "model": "small", "content": content,
            "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}})
    };
    if asked["stream"] != true {
        return answer(&message(json!([{"type": "text", "text": "hello"}])));
    }
    let delta = |text: &str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    let events = [
        json!({"type": "message_start", "message": message(json!([]))}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        delta("hel"),
        delta("lo"),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
        json!({"type": "message_stop"}),
    ];
    stream(&events, "")
}

fn resend(asked: &Value) -> Reply {
    if asked["to"] == "nobody" {
        let error =
            json!({"statusCode": 422, "name": "validation_error", "message": "no such address"});
        return Reply::status(422)
            .header("content-type", "application/json")
            .body(error.to_string());
    }
    answer(&json!({"id": "em_1"}))
}

fn stripe(request: &Received, target: &str) -> Reply {
    let customer = |id: &str| json!({"id": id, "object": "customer"});
    if target == "/v1/payment_intents" {
        let error = json!({"type": "card_error", "code": "card_declined", "message": "no"});
        return Reply::status(402)
            .header("content-type", "application/json")
            .body(json!({"error": error}).to_string());
    }
    if request.method == "POST" {
        assert_eq!(
            String::from_utf8_lossy(&request.body),
            "email=a%40example.com&metadata[plan]=small"
        );
        return answer(&customer("cus_1"));
    }
    let is_second = request.target.contains("starting_after=cus_1");
    let id = if is_second { "cus_2" } else { "cus_1" };
    answer(
        &json!({"object": "list", "url": "/v1/customers", "has_more": !is_second, "data": [customer(id)]}),
    )
}

/// Answers like Redis over HTTP: to one command or a list of commands, with results in base64.
fn redis(asked: &Value) -> Reply {
    let result = |command: &Value| {
        let encoded = if command[0] == "set" {
            "OK"
        } else {
            "eyJjb3VudCI6MX0="
        };
        json!({"result": encoded})
    };
    match asked[0].is_array() {
        true => answer(&asked.as_array().unwrap().iter().map(result).collect()),
        false => answer(&result(asked)),
    }
}

fn keys(target: &str) -> Reply {
    let jose = jose();
    match target.rsplit('/').next().unwrap_or_default() {
        "keys" => answer(&json!({"keys": jose["keys"]})),
        "tokens" => answer(&jose["tokens"]),
        algorithm => Reply::status(200).body(jose["pem"][algorithm].as_str().unwrap()),
    }
}

/// Deploys a file of `tests/packages`, and starts a run for each name. Each run does its work, waits while the host is killed,
/// and does its work again. Returns the output of each run.
pub(crate) fn through_a_kill(
    file: &str,
    names: &[&'static str],
    answers: fn(&Received) -> Reply,
) -> Vec<(&'static str, Value)> {
    // Packages are searched for in the folder of the file that imports them.
    let installed = packages().join("../../target/packages");
    assert!(
        installed.join("node_modules").is_dir(),
        "the packages are not installed: `cargo xtask test packages_of` installs them"
    );
    let path = installed.join(file);
    std::fs::copy(packages().join(file), &path).unwrap();
    let service = Service::start(answers);
    let mut host = Host::start();
    let deploy = [
        "deploy",
        "flows",
        path.to_str().unwrap(),
        "--env",
        "OPENAI_API_KEY=key",
    ];
    Cli::of(&host).run(&deploy).ok();

    let runs: Vec<_> = names
        .iter()
        .map(|name| {
            let input = json!({"name": name, "base": service.url()});
            (*name, host.start_run("flows", &input))
        })
        .collect();
    let ready = || -> Vec<Received> {
        let requests = service.requests().into_iter();
        requests
            .filter(|request| request.target == "/ready")
            .collect()
    };
    let ready = wait_until("all flows to wait", || {
        Some(ready()).filter(|ready| ready.len() == runs.len())
    });
    // A call whose answer is lost by the kill would rightly be made again, so all calls must have ended before the kill.
    for (_, run) in &runs {
        run.wait_for_steps(&["the kill"]);
    }
    let asked = service.requests().len();
    host.restart();
    for ready in &ready {
        request("POST", ready.field("hook"))
            .body("on")
            .send()
            .expect(202);
    }
    let outputs = runs.iter().map(|(name, run)| (*name, run.output()));
    let outputs = outputs.collect();
    // No request from before the kill was made again. After the kill came as many requests as before it, except for the one
    // request to `/ready` of each run.
    assert_eq!(service.requests().len(), 2 * asked - runs.len());
    outputs
}

#[test]
fn packages_of_the_registry_run_as_they_are_through_a_kill() {
    let flows = flows();
    let names: Vec<_> = flows
        .iter()
        .map(|(name, _)| *name)
        .chain(["small"])
        .collect();
    for (name, output) in through_a_kill("flows.ts", &names, providers) {
        if let Some((_, expected)) = flows.iter().find(|(flow, _)| *flow == name) {
            assert_eq!(
                output,
                json!({"first": expected, "second": expected}),
                "{name}"
            );
        } else {
            assert_eq!(output["first"]["day"], "2026-03-02 Monday");
            assert_ne!(output["first"]["id"], output["second"]["id"]);
            assert_eq!(output["first"]["digits"].as_str().unwrap().len(), 8);
        }
    }
}

#[test]
fn the_book_names_the_packages_and_their_versions() {
    let read = |path: &str| std::fs::read_to_string(packages().join(path)).unwrap();
    let manifest: Value = serde_json::from_str(&read("package.json")).unwrap();
    let page = read("../../docs/reference/typescript.md");
    let dependencies = manifest["dependencies"].as_object().unwrap();
    for (name, version) in dependencies {
        let row = format!("| `{name}` | {} |", version.as_str().unwrap());
        assert!(
            page.contains(&row),
            "docs/reference/typescript.md lacks: {row}"
        );
    }
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with("Packages"));
    let lines = section.unwrap().lines();
    let rows = lines.filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, dependencies.len());
}
