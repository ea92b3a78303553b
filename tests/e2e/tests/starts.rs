//! Starting runs.

use std::thread;
use std::time::Duration;

use dormouse_e2e::{Answer, Host, Stopwatch, header_values, post};
use serde_json::{Value, json};

use crate::forms::waits_after_go;

#[track_caller]
fn start(host: &Host, headers: &[(&str, &str)], input: &Value) -> Answer {
    let start = host.request("POST", "/v1/workflows/script/runs");
    let start = headers
        .iter()
        .fold(start, |start, (name, value)| start.header(name, value));
    start.json(input).send()
}

fn host() -> Host {
    let host = Host::start();
    host.deploy("script", "script");
    host
}

#[test]
fn a_start_is_answered_with_id_status_and_location() {
    let host = host();
    let answer = start(&host, &[], &json!({"now": true})).expect(202);
    let id = answer.field("id");
    assert!(answer.json()["status"].is_string());
    let location = answer.header("location").unwrap();
    assert_eq!(location, format!("/v1/runs/{id}"));
    host.get(location).expect(200);
}

#[test]
fn an_idempotency_key_starts_one_run() {
    let host = host();
    let keyed = |input: &Value| start(&host, &[("Idempotency-Key", "order-1")], input);
    let first = keyed(&waits_after_go(1)).expect(202).field("id");
    assert_eq!(keyed(&waits_after_go(1)).expect(200).field("id"), first);
    keyed(&waits_after_go(2)).expect_problem(422, "idempotency-key-reused");
    let other = start(&host, &[("Idempotency-Key", "order-2")], &waits_after_go(1)).expect(202);
    assert_ne!(other.field("id"), first);
    let another = start(&host, &[], &waits_after_go(1)).expect(202);
    assert_ne!(another.field("id"), first);
}

#[test]
fn starts_at_once_under_one_key_are_one_run() {
    let host = host();
    let ids: Vec<String> = thread::scope(|scope| {
        let keyed =
            || start(&host, &[("Idempotency-Key", "order-1")], &waits_after_go(1)).field("id");
        let callers: Vec<_> = (0..16).map(|_| scope.spawn(keyed)).collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(
        host.get("/v1/runs").json()["runs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn prefer_wait_holds_the_answer_until_the_run_ends() {
    let host = host();
    let answer = start(
        &host,
        &[("Prefer", "wait=60")],
        &json!({"seq": [{"sleep": 300}, {"step": "s", "value": 7}]}),
    );
    let run = answer.expect(200).json();
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("completed"), &json!([null, 7]))
    );
}

#[test]
fn a_caller_can_be_answered_when_the_run_sleeps_with_its_webhooks() {
    let host = host();
    let prefer = [("Prefer", "wait=60; until=suspended")];
    let script = json!({"seq": [
        {"call": {"url": format!("{}/healthz", host.url()), "attempts": 1}},
        {"webhook": "go"},
        {"wait": "go", "ms": null},
    ]});
    let answer = start(&host, &prefer, &script).expect(202);
    assert_eq!(
        answer.header("preference-applied"),
        Some("wait=60; until=suspended")
    );
    let started = answer.json();
    assert_eq!(started["status"], "suspended");
    let run = host.run(started["id"].as_str().unwrap());
    assert_eq!(started["webhooks"], run.webhooks()["webhooks"]);
    post(started["webhooks"][0]["url"].as_str().unwrap(), "{}").expect(202);
    assert_eq!(run.end()["status"], "completed");
    // One that ends without ever sleeping is shown whole.
    let ended = start(&host, &prefer, &json!({"step": "s", "value": 7})).expect(200);
    assert_eq!(ended.json()["output"], 7);
}

#[test]
fn prefer_wait_gives_up_when_the_time_is_up() {
    let host = host();
    let watch = Stopwatch::start();
    let answer = start(&host, &[("Prefer", "wait=1")], &waits_after_go(1)).expect(202);
    assert!(watch.elapsed() >= Duration::from_secs(1));
    // A slow machine may not have got to it yet.
    let shown = answer.json();
    let status = shown["status"].as_str().unwrap();
    assert!(
        ["pending", "running", "suspended"].contains(&status),
        "{shown}"
    );
    let run = host.run(shown["id"].as_str().unwrap());
    run.wait_for_steps(&["go"]);
    let wait = host.request("GET", &format!("/v1/runs/{}", run.id()));
    let watch = Stopwatch::start();
    let shown = wait.header("Prefer", "wait=1").send().expect(200).json();
    assert!(watch.elapsed() >= Duration::from_secs(1));
    assert_eq!(shown["status"], "suspended");
}

#[test]
fn the_run_sees_the_headers_of_its_start() {
    let host = host();
    let headers = [
        ("X-Tenant", "one"),
        ("X-Tenant", "two"),
        ("Authorization", "Bearer secret"),
    ];
    let id = start(&host, &headers, &json!({"headers": true}))
        .expect(202)
        .field("id");
    let seen = host.run(&id).output();
    assert_eq!(header_values(&seen, "x-tenant"), [b"one", b"two"]);
    assert_eq!(header_values(&seen, "authorization").len(), 0);
}

#[test]
fn a_refused_start_is_answered_with_the_reason() {
    let host = host();
    host.post("/v1/workflows/none/runs", "")
        .expect_problem(404, "unknown-workflow");
    let unknown = format!("/v1/workflows/script/runs?version={}", "0".repeat(64));
    host.post(&unknown, "")
        .expect_problem(404, "unknown-version");
    for path in ["?version=1.0", "?verison=1"] {
        host.post(&format!("/v1/workflows/script/runs{path}"), "")
            .expect_problem(400, "invalid-query");
    }
    let soon =
        start(&host, &[("Prefer", "wait=soon")], &json!(1)).expect_problem(400, "invalid-header");
    assert!(soon.detail().contains("Prefer"), "{}", soon.detail());
    let keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    let twice = start(&host, &keys, &json!(1)).expect_problem(400, "invalid-header");
    assert!(
        twice.detail().contains("Idempotency-Key"),
        "{}",
        twice.detail()
    );
    let broken = host
        .request("POST", "/v1/workflows/script/runs")
        .header("content-type", "application/json");
    broken
        .body("{\"seq\":")
        .send()
        .expect_problem(400, "invalid-json");
    assert_eq!(host.get("/v1/runs").json()["runs"], json!([]));
}
