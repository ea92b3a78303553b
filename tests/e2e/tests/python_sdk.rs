//! Workflows in Python with the SDK: their runs continue after a kill, and their mistakes are reported.

use std::collections::BTreeSet;
use std::sync::Mutex;

use base64::prelude::{BASE64_STANDARD, Engine};
use dormouse_e2e::{Host, Reply, Run, Service, post, request, wait_until};
use serde_json::json;

const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// Returns a host with the workflow that does what its input asks for. CPython takes a while to compile, so the tests are
/// few, and each does much.
fn host() -> Host {
    let host = Host::with_environment(
        &[("DORMOUSE_SECRET_KEY", KEY)],
        &["--allow-private-egress", "--when-broken", "block"],
    );
    host.deploy("flow", "python-sdk");
    host
}

#[track_caller]
fn start(host: &Host, what: &str, service: &Service) -> Run {
    host.start_run("flow", &json!({"do": what, "service_url": service.url()}))
}

#[test]
fn the_example_collects_updates_through_a_kill_after_each_operation() {
    let service = Service::answering(&[202]);
    let mut host = Host::start();
    host.deploy("progress", "python-progress");
    let input = json!({"service_url": service.url(), "timeout_ms": 3_600_000});
    let run = host.start_run("progress", &input);
    let hook = service.wait_for(1)[0].field("webhookUrl");
    host.restart();
    for percent in [0, 50, 100] {
        run.wait_for_steps(&["progress"]);
        host.restart();
        let update = request("POST", &hook).json(&json!({"percent": percent}));
        let finished = if percent == 100 { "true" } else { "false" };
        update
            .header("x-task-finished", finished)
            .send()
            .expect(202);
    }
    assert_eq!(
        run.output(),
        json!([{"percent": 0}, {"percent": 50}, {"percent": 100}])
    );
    // The first kill may have cut the call off: then it was sent again, as a repeat.
    let requests = service.requests();
    let keys = requests
        .iter()
        .map(|request| request.header("idempotency-key"));
    assert_eq!(keys.collect::<BTreeSet<_>>().len(), 1);

    // What does not fit is told with the field, and what the service refuses with its status.
    let failure = host
        .start_run("progress", &json!({"service_url": service.url()}))
        .failure();
    assert_eq!(failure.0, "invalid-input");
    assert!(failure.1.contains("`timeout_ms` is missing"), "{failure:?}");
    let busy = Service::answering(&[404]);
    let failure = host
        .start_run(
            "progress",
            &json!({"service_url": busy.url(), "timeout_ms": 1}),
        )
        .failure();
    assert_eq!(failure.0, "http-status");
    let expected = format!(
        "call `start job` (POST {}) was answered with status 404",
        busy.url()
    );
    assert_eq!(failure.1, expected);
}

#[test]
fn asyncio_does_the_same_after_a_kill() {
    let mut host = host();
    does_several_things_at_once(&mut host);
    goes_on_as_new(&mut host);

    // What is open when a workflow returns is given up.
    let hanging = Service::start(|_| Reply::Hang);
    assert_eq!(start(&host, "leave open", &hanging).output(), "returned");
}

fn does_several_things_at_once(host: &mut Host) {
    let service = Service::answering(&[202]);
    let run = start(host, "at once", &service);
    let hook = service.wait_for(1)[0].field("hook");
    run.wait_for_operation("timer");
    host.restart();
    post(&hook, "1").expect(202);
    // Of two workers, the first takes what comes first.
    wait_until("a worker that has slept", || {
        let operations = run.operations();
        let timers = operations.iter().filter(|one| one["step"] == "timer");
        (timers.count() == 3).then_some(())
    });
    host.restart();
    post(&hook, "2").expect(202);
    let output = run.output();
    assert_eq!(output["late"], json!(["wait_for", "timeout"]));
    assert_eq!(output["ended"], json!(["CancelledError", "CancelledError"]));
    let seen = output["seen"].as_array().unwrap();
    let who: Vec<_> = seen.iter().map(|one| (&one[0], &one[1])).collect();
    assert_eq!(who, [(&json!("a"), &json!(1)), (&json!("b"), &json!(2))]);
    assert!(seen[0][2] != seen[1][2] && seen[0][3].as_f64() < seen[1][3].as_f64());
}

fn goes_on_as_new(host: &mut Host) {
    let service = Service::answering(&[202]);
    let run = start(host, "generations", &service);
    let hook = service.wait_for(1)[0].field("hook");
    for text in ["on", "on", "stop"] {
        run.wait_for_steps(&["kept"]);
        host.restart();
        request("POST", &hook)
            .header("content-type", "text/plain")
            .body(text)
            .send()
            .expect(202);
    }
    assert_eq!(run.output(), 2);
}

#[test]
fn everything_of_the_contract_is_there() {
    let host = host();
    tells_what_is_wrong_with_the_line_of_the_file(&host);
    starts_other_runs(&host);
    answers_callers(&host);
    knows_itself(&host);
    sends_secrets_in_headers_only(&host);
}

fn tells_what_is_wrong_with_the_line_of_the_file(host: &Host) {
    let service = Service::answering(&[418]);
    let fail = |how: &str| {
        host.start_run(
            "flow",
            &json!({"do": "fail", "how": how, "service_url": service.url()}),
        )
    };
    // A mistake in the program: repaired code takes the run up.
    for (how, code, parts) in [
        (
            "type",
            "trap",
            &[
                "AttributeError",
                "errors.py\", line 32",
                "nothing.missing()",
            ][..],
        ),
        ("key", "trap", &["KeyError: 'missing'"]),
        ("recursion", "trap", &["RecursionError"]),
        ("usage", "trap", &["`5 minutes` is not a span of time"]),
        ("late import", "trap", &["there are no files in a run"]),
        ("blocking", "trap", &["`time.sleep` stops the whole run"]),
        ("stuck", "stuck", &[]),
    ] {
        let shown = fail(how).wait_for_status("blocked");
        let failure = &shown["failure"];
        assert_eq!(failure["code"], code, "{how}: {failure}");
        let message = failure["message"].as_str().unwrap();
        for part in parts {
            assert!(message.contains(part), "{how}: {failure}");
        }
    }
    // The program's decision, or the world's.
    for (how, code, message) in [
        ("error", "card-declined", "no money"),
        ("own", "card-declined", "no money either"),
        ("group", "card-declined", "in a group"),
        ("value", "error", "ValueError: a bad value"),
        ("exit", "error", "SystemExit: that is all"),
        ("status", "http-status", "was answered with status 418"),
        ("unreachable", "unreachable", "connection refused"),
    ] {
        let failure = fail(how).failure();
        assert_eq!(failure.0, code, "{how}: {failure:?}");
        assert!(failure.1.ends_with(message), "{how}: {failure:?}");
    }
    // The log has where it was raised, and what it came from.
    let run = fail("value");
    run.failure();
    let logged = run.logs().to_string();
    assert!(logged.contains("raise ValueError"), "{logged}");
    assert!(
        logged.contains("caused by KeyError: 'the cause'"),
        "{logged}"
    );

    let nested = |levels: u32| host.start_run("flow", &json!({"do": "nested", "levels": levels}));
    assert_eq!(nested(1_000).output(), 2_000);
    let failure = nested(1_001).failure();
    assert_eq!(failure.0, "json-too-deep");
    assert_eq!(failure.1, "the payload is nested more than 1000 deep");
}

fn starts_other_runs(host: &Host) {
    let service = Service::answering(&[202]);
    assert_eq!(
        start(host, "parent", &service).output(),
        json!({
            "double": 8, "failed": "card-declined", "unknown": "unknown-workflow", "open": null, "asked": true,
            "outcome": ["failed", "enough"],
        })
    );
}

fn answers_callers(host: &Host) {
    let service = Service::answering(&[202]);
    let run = start(host, "reply", &service);
    let told = service.wait_for(1).remove(0);
    run.wait_for_steps(&["question"]);
    let answer = request("GET", told.field("hook")).body("n=7").send();
    assert_eq!(answer.expect(200).json(), json!({"answer": "7"}));
    assert_eq!(
        post(told.field("fixed"), "a note").expect(201).text(),
        "thanks"
    );
    assert_eq!(run.output(), json!(["GET", "a note"]));
    request("GET", told.field("hook")).send().expect(410);
}

fn knows_itself(host: &Host) {
    let seen = start(host, "look", &Service::answering(&[202])).output();
    for (name, value) in [
        ("id", json!(true)),
        ("moved", json!(true)),
        ("workflow", json!("flow")),
        ("trigger", json!(null)),
        ("label", json!("invalid-label")),
        ("step", json!(2)),
    ] {
        assert_eq!(seen[name], value, "{seen}");
    }
}

fn sends_secrets_in_headers_only(host: &Host) {
    const VALUE: &str = "A_Made-Up-Value-7F3c91d04bE2";
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let service = Service::start(|request| {
        let told = request.header("authorization").unwrap_or_default();
        SEEN.lock().unwrap().push(told.to_owned());
        Reply::status(200)
    });
    let origin = service.url().trim_end_matches('/');
    let uses = json!([{"workflow": "flow", "send_to": origin}]);
    host.set_secret("API_KEY", VALUE, &uses);

    let output = start(host, "secrets", &service).output();
    assert_eq!(output["statuses"], json!([200, 200]));
    assert_eq!(output["model"], "small");
    let refused = output["refused"].to_string();
    assert!(
        refused.contains("the secret API_KEY stands in its body (POST 127.0.0.1)"),
        "{refused}"
    );
    assert!(
        refused.contains("the secret API_KEY stands in its address"),
        "{refused}"
    );

    let output = start(host, "httpx", &service).output();
    assert_eq!(
        output,
        json!({"statuses": [200, 200], "unreachable": "CallError"})
    );
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("ann:{VALUE}")));
    let bearer = format!("Bearer {VALUE}");
    assert_eq!(
        *SEEN.lock().unwrap(),
        [&bearer, &basic, &basic, &basic].map(String::as_str)
    );
    assert!(!host.has_stored(VALUE));
}
