//! The routes against a real runtime whose store is in memory. What needs a workflow is tested from outside, with guests.

mod document;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use dormouse_api::Timestamp;
use dormouse_config::{Config, RawConfig};
use dormouse_engine::{Config as EngineConfig, Engine};
use dormouse_journal::{CallError, Response as CallResponse, Time, VersionId};
use dormouse_runtime::{CompileFailure, Compiler, Parts, Runtime};
use dormouse_seams::{Attempt, Clock, Egress, Spawner, Task};
use dormouse_store::{Backup, BackupError, Deploy, Store as _};
use dormouse_store_memory::{Memory, MemoryStore};
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::request::Builder;
use http::{Request, Response};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::health::Sources;
use crate::ingress::Rejections;
use crate::machine::{MachineClock, SystemEntropy, TokioTasks};
use crate::metrics::Metrics;

struct NoEgress;

impl Egress for NoEgress {
    fn send(&self, _: Attempt) -> Task<Result<CallResponse, CallError>> {
        Box::pin(async { Err(CallError::Denied("a test".into())) })
    }
}

impl Compiler for NoEgress {
    fn compile(&self, _: Bytes) -> Task<Result<Vec<u8>, CompileFailure>> {
        Box::pin(async {
            Err(CompileFailure::Host {
                reason: "a test".into(),
                retry_after: 5,
            })
        })
    }
}

impl Backup for NoEgress {
    fn back_up(&self, _: File, _: &dyn Fn() -> bool) -> Result<(), BackupError> {
        Err(BackupError::GivenUp)
    }
}

/// Returns an API with these settings, in the form of a file.
async fn api(settings: &str) -> Router {
    host(settings, Arc::new(MachineClock)).await.0
}

/// Returns an API with these settings on a machine with this clock, the host behind it, and its store.
async fn host(settings: &str, clock: Arc<dyn Clock>) -> (Router, Runtime, Arc<MemoryStore>) {
    host_on(settings, clock, Arc::new(tasks())).await
}

fn tasks() -> TokioTasks {
    TokioTasks::new(tokio::runtime::Handle::current()).unwrap()
}

/// Tasks of which those are counted that may block their thread.
struct CountedTasks {
    tasks: TokioTasks,
    blocking: AtomicU64,
}

impl Spawner for CountedTasks {
    fn spawn(&self, task: Task) {
        self.tasks.spawn(task);
    }

    fn spawn_blocking(&self, task: Task) {
        self.blocking.fetch_add(1, Ordering::Relaxed);
        self.tasks.spawn_blocking(task);
    }

    fn spawn_writer(&self, task: Task) {
        self.tasks.spawn_writer(task);
    }

    fn parallelism(&self) -> usize {
        self.tasks.parallelism()
    }
}

async fn host_on(
    settings: &str,
    clock: Arc<dyn Clock>,
    spawner: Arc<dyn Spawner>,
) -> (Router, Runtime, Arc<MemoryStore>) {
    let raw = RawConfig::from_toml(settings, "test".as_ref()).unwrap();
    let config = Config::new(&raw, |_| None).unwrap();
    let store = Memory::default()
        .open(clock, &SystemEntropy, spawner.clone())
        .await
        .unwrap();
    let store = Arc::new(store);
    let parts = Parts {
        store: store.clone(),
        entropy: Arc::new(SystemEntropy),
        spawner,
        egress: Arc::new(NoEgress),
        compiler: Arc::new(NoEgress),
    };
    let engine = Engine::new(&EngineConfig { slots: 0 }).unwrap();
    let runtime = Runtime::open(parts, engine, crate::settings::runtime(&config))
        .await
        .unwrap();
    let backup = Arc::new(NoEgress);
    let health = Health::new(runtime.clone(), Sources::default());
    let router = router(
        runtime.clone(),
        backup,
        &config,
        Metrics::default(),
        health,
        Rejections::default(),
    );
    (router, runtime, store)
}

fn request(method: &str, path: &str) -> Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
}

async fn answer(api: &Router, request: Request<Body>) -> (Response<()>, Bytes) {
    let (parts, body) = api.clone().oneshot(request).await.unwrap().into_parts();
    (
        Response::from_parts(parts, ()),
        to_bytes(body, 1 << 20).await.unwrap(),
    )
}

/// Checks that a request is answered with this status, and gives the JSON.
async fn check(api: &Router, request: Request<Body>, status: u16) -> Value {
    let named = format!("{} {}", request.method(), request.uri());
    let (head, body) = answer(api, request).await;
    assert_eq!(
        head.status(),
        status,
        "{named}: {}",
        String::from_utf8_lossy(&body)
    );
    serde_json::from_slice(&body).unwrap_or(Value::Null)
}

async fn check_problem(api: &Router, request: Request<Body>, status: u16, code: &str) -> String {
    let problem = check(api, request, status).await;
    assert_eq!(
        (&problem["code"], &problem["status"]),
        (&json!(code), &json!(status)),
        "{problem}"
    );
    problem["detail"].as_str().unwrap().to_owned()
}

/// The body is not JSON, so that nothing else follows.
#[tokio::test]
async fn large_json_is_checked_where_it_delays_no_task() {
    const REQUESTS: u64 = 20;
    let tasks = Arc::new(CountedTasks {
        tasks: tasks(),
        blocking: AtomicU64::new(0),
    });
    let (api, ..) = host_on("", Arc::new(MachineClock), tasks.clone()).await;
    let mut counts = Vec::new();
    for size in [10, 200 << 10] {
        let before = tasks.blocking.load(Ordering::Relaxed);
        for _ in 0..REQUESTS {
            let send = request("POST", "/v1/events/tea").header(CONTENT_TYPE, "application/json");
            let send = send.body(Body::from("[".to_owned() + &"1,".repeat(size)));
            check_problem(&api, send.unwrap(), 400, "invalid-json").await;
        }
        counts.push(tasks.blocking.load(Ordering::Relaxed) - before);
    }
    // The services of the host read a few rows when they are started.
    assert!(counts[0] < REQUESTS && counts[1] >= REQUESTS, "{counts:?}");
}

fn get(path: &str) -> Request<Body> {
    request("GET", path).body(Body::empty()).unwrap()
}

/// A machine whose clock the test sets, and whose time it lets pass, in milliseconds.
#[derive(Default)]
struct Settable {
    set: AtomicI64,
    passed: AtomicU64,
}

impl Settable {
    fn step(&self, milliseconds: i64) {
        self.set.fetch_add(milliseconds, Ordering::Relaxed);
    }

    fn pass(&self, milliseconds: u64) {
        self.passed.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Clock for Settable {
    fn date(&self) -> Time {
        let passed = MachineClock
            .date()
            .after(self.passed.load(Ordering::Relaxed));
        passed.shifted(self.set.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> u64 {
        MachineClock.elapsed() + self.passed.load(Ordering::Relaxed)
    }

    fn boot(&self) -> Option<[u8; 16]> {
        MachineClock.boot()
    }

    fn sleep_until(&self, elapsed: u64) -> Task {
        MachineClock.sleep_until(elapsed)
    }

    fn thread_time(&self) -> Duration {
        MachineClock.thread_time()
    }
}

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn a_step_of_the_clock_is_shown_with_the_health() {
    let machine = Arc::new(Settable::default());
    let (api, runtime, _) = host("", machine.clone()).await;
    let shown = check(&api, get("/readyz"), 200).await["clock"].clone();
    assert_eq!(shown["steps"], 0, "{shown}");
    machine.step(-HOUR);
    runtime.clock().watch();
    let shown = check(&api, get("/readyz"), 200).await["clock"].clone();
    assert_eq!(shown["steps"], 1, "{shown}");
    let seconds = shown["step_seconds"].as_f64().unwrap();
    // A little of it may have been made up for.
    assert!((-3_600.5..-3_590.0).contains(&seconds), "{shown}");
}

/// Deploys a workflow whose component is not a real one.
async fn deploy(store: &MemoryStore, name: &str) {
    let component = Bytes::from_static(b"a component");
    let deploy = Deploy {
        name: name.into(),
        version: VersionId::of(&component),
        code: component.clone(),
        component,
    };
    store.deploy(deploy).await.unwrap();
}

#[tokio::test]
async fn dates_are_wall_time_although_steady_time_is_stored() {
    let machine = Arc::new(Settable::default());
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "01".repeat(32)).unwrap();
    let settings = format!("secret-key-file = {:?}", key.path());
    let (api, runtime, store) = host(&settings, machine.clone()).await;
    let began = runtime.clock().now();
    deploy(&store, "w").await;
    let start = request("POST", "/v1/workflows/w/runs").body(Body::empty());
    let run = check(&api, start.unwrap(), 202).await;
    let run = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let cancel = request("POST", &format!("{run}/cancel")).body(Body::empty());
    check(&api, cancel.unwrap(), 200).await;
    let set =
        json!({"value": "a-value-of-some-length", "uses": [{"workflow": "w", "verify": true}]});
    let set = request("PUT", "/v1/secrets/s").body(set.to_string().into());
    check(&api, set.unwrap(), 201).await;

    machine.step(HOUR);
    runtime.clock().watch();
    machine.pass(61_000);
    runtime.clock().watch();
    let ended = runtime.clock().now();
    let most = i64::try_from(ended.0 - began.0).unwrap();
    let shown = check(&api, get(&run), 200).await;
    let listed = check(&api, get("/v1/runs"), 200).await["runs"][0].clone();
    let workflow = check(&api, get("/v1/workflows/w"), 200).await;
    let secret = check(&api, get("/v1/secrets/s"), 200).await;
    for date in [
        &shown["created"],
        &shown["ended"],
        &shown["last_activation"],
        &listed["created"],
        &listed["ended"],
        &workflow["versions"][0]["deployed"],
        &secret["created"],
        &secret["updated"],
    ] {
        let shown: Timestamp = serde_json::from_value(date.clone()).unwrap();
        let later = shown.0.0.cast_signed() - began.0.cast_signed();
        // The machine's date and its time since the boot are read one after the other, and each is cut to milliseconds.
        let least = HOUR - 2;
        assert!((least..=HOUR + most).contains(&later), "{date}: {later}");
    }
}

const UNKNOWN: &str = "/v1/runs/01980000-0000-7000-8000-000000000000";

#[tokio::test]
async fn an_empty_host_has_empty_lists() {
    let api = api("").await;
    assert_eq!(
        check(&api, get("/v1/workflows"), 200).await,
        json!({"workflows": []})
    );
    assert_eq!(
        check(&api, get("/v1/runs"), 200).await,
        json!({"runs": [], "next": null})
    );
    let reached = request("POST", "/v1/events/go")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        check(&api, reached, 200).await,
        json!({"waits": 0, "runs": [], "more": false})
    );
    check(&api, get("/healthz"), 200).await;
    check(&api, get("/readyz"), 200).await;
}

#[tokio::test]
async fn unknown_paths_and_names_are_problems_too() {
    let api = api("").await;
    check_problem(&api, get("/"), 404, "unknown-path").await;
    check_problem(&api, get("/v1/runs/"), 404, "unknown-path").await;
    check_problem(&api, get("/v1/workflows/none"), 404, "unknown-workflow").await;
    for part in ["", "/output", "/journal", "/logs", "/webhooks"] {
        check_problem(&api, get(&format!("{UNKNOWN}{part}")), 404, "unknown-run").await;
    }
    for part in ["/cancel", "/resume", "/events/go"] {
        let post = request("POST", &format!("{UNKNOWN}{part}"))
            .body(Body::empty())
            .unwrap();
        check_problem(&api, post, 404, "unknown-run").await;
    }
    let start = request("POST", "/v1/workflows/none/runs")
        .body(Body::empty())
        .unwrap();
    check_problem(&api, start, 404, "unknown-workflow").await;
}

#[tokio::test]
async fn a_method_that_is_not_taken_is_answered_with_those_that_are() {
    let api = api("").await;
    let (head, body) = answer(
        &api,
        request("PATCH", "/v1/workflows/w")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    assert_eq!(head.status(), 405);
    let allow = head.headers()[ALLOW].to_str().unwrap();
    assert!(
        ["GET", "PUT", "DELETE"]
            .iter()
            .all(|method| allow.contains(method)),
        "{allow}"
    );
    assert_eq!(head.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(
        serde_json::from_slice::<Value>(&body).unwrap()["code"],
        "method-not-allowed"
    );
}

#[tokio::test]
async fn a_malformed_part_is_named() {
    let api = api("").await;
    for (method, path, code, named) in [
        ("GET", "/v1/runs?limit=x", "invalid-query", "\"limit\""),
        (
            "GET",
            "/v1/runs?status=asleep",
            "invalid-query",
            "pending, running",
        ),
        ("GET", "/v1/runs?cursor=!", "invalid-query", "\"cursor\""),
        ("GET", "/v1/runs/nope", "invalid-run-id", "UUID"),
        ("GET", "/v1/runs/%ff", "invalid-path", "path"),
        (
            "PUT",
            "/v1/workflows/No",
            "invalid-workflow-name",
            "a-z, 0-9, - and _",
        ),
        (
            "POST",
            "/v1/workflows/w/runs?version=1",
            "invalid-query",
            "\"version\"",
        ),
    ] {
        let request = request(method, path).body(Body::empty()).unwrap();
        let detail = check_problem(&api, request, 400, code).await;
        assert!(detail.contains(named), "{detail}");
    }
}

#[tokio::test]
async fn headers_and_json_that_are_malformed_are_named() {
    let api = api("").await;
    let start = |name: &str, value: &str, body: &'static str| {
        request("POST", "/v1/workflows/w/runs")
            .header(name, value)
            .body(Body::from(body))
            .unwrap()
    };
    for (name, value) in [("Prefer", "wait=soon"), ("Idempotency-Key", "")] {
        let detail = check_problem(&api, start(name, value, ""), 400, "invalid-header").await;
        assert!(detail.contains(name), "{detail}");
    }
    let detail = check_problem(
        &api,
        start("content-type", "application/json", "{"),
        400,
        "invalid-json",
    )
    .await;
    assert!(detail.contains("the body is not JSON"), "{detail}");
}

#[tokio::test]
async fn bodies_over_their_limit_are_refused_by_their_length() {
    let api = api("body-limit = 10\ncomponent-limit = 20").await;
    for (method, path, length, setting) in [
        ("POST", "/v1/workflows/w/runs", "11", "`body-limit`"),
        ("POST", "/v1/events/go", "11", "`body-limit`"),
        ("PUT", "/v1/workflows/w", "21", "`component-limit`"),
    ] {
        let unread = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let request = request(method, path)
            .header(CONTENT_LENGTH, length)
            .body(unread)
            .unwrap();
        let detail = check_problem(&api, request, 413, "body-too-large").await;
        assert!(detail.contains(setting), "{detail}");
    }
}

#[tokio::test]
async fn uploads_that_are_not_workflows_are_refused_with_the_reason() {
    let api = api("").await;
    let upload = |body: &'static [u8]| {
        request("PUT", "/v1/workflows/w")
            .body(Body::from(body))
            .unwrap()
    };
    check_problem(&api, upload(b"#!/bin/sh"), 422, "not-wasm").await;
    check_problem(&api, upload(b"\0asm\x01\0\0\0"), 422, "not-a-component").await;
}

#[tokio::test]
async fn with_a_token_every_route_but_the_probes_wants_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret").unwrap();
    let api = api(&format!("api-token-file = {:?}", file.path())).await;
    for path in ["/v1/runs", "/v1/nothing", "/metrics", "/nothing"] {
        check_problem(&api, get(path), 401, "unauthorized").await;
    }
    let with = |path: &str| {
        request("GET", path)
            .header("authorization", "Bearer secret")
            .body(Body::empty())
            .unwrap()
    };
    check(&api, with("/v1/runs"), 200).await;
    check_problem(&api, with("/v1/nothing"), 404, "unknown-path").await;
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        check(&api, get(path), 200).await;
    }
}

#[tokio::test]
async fn without_one_a_web_page_cannot_reach_them() {
    let api = api("").await;
    let evil = Request::builder()
        .uri("/v1/runs")
        .header(HOST, "evil.example")
        .body(Body::empty())
        .unwrap();
    check_problem(&api, evil, 403, "forbidden").await;
    let page = request("GET", "/v1/runs")
        .header("origin", "http://evil.example")
        .body(Body::empty())
        .unwrap();
    check_problem(&api, page, 403, "cross-site").await;
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let api = api("").await;
    check(&api, get(UNKNOWN), 404).await;
    check(&api, get("/nothing"), 404).await;
    let (_, body) = answer(&api, get("/metrics")).await;
    let text = String::from_utf8_lossy(&body);
    for line in [
        "dormouse_api_requests_total{method=\"GET\",route=\"/v1/runs/{id}\",status=\"404\"} 1",
        "dormouse_api_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
}
