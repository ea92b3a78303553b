//! Runs that are taken back to before one of their steps was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use dormouse_e2e::{Answer, Cli, Host, Reply, Run, Service, post, wait_until};
use serde_json::{Value, json};

/// Returns a service whose status the test sets.
fn service(status: u16) -> (Service, Arc<AtomicU16>) {
    let now = Arc::new(AtomicU16::new(status));
    let told = now.clone();
    let service = Service::start(move |_| Reply::status(told.load(Ordering::SeqCst)));
    (service, now)
}

/// Returns the keys of the requests, each once: a request whose answer a kill kept from the host is sent again, with its key.
fn keys(service: &Service) -> Vec<String> {
    let requests = service.requests();
    let mut keys: Vec<String> = requests
        .iter()
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect();
    keys.dedup();
    keys
}

fn take_back(run: &Run, body: &Value) -> Answer {
    run.post("/retry", body.to_string())
}

#[test]
fn a_failed_run_is_taken_back_to_a_call_that_went_well() {
    let (first, _) = service(200);
    let (broken, status) = service(422);
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [
        {"step": "before", "value": 1},
        {"call": {"method": "POST", "url": first.url(), "body": "a"}, "as": "first"},
        {"step": "between", "value": 2},
        {"call": {"method": "POST", "url": broken.url(), "body": "b", "error_for_status": true}, "as": "second"},
        {"step": "after", "value": 3},
    ]}));
    run.failure();
    let id = run.id().to_owned();
    status.store(200, Ordering::SeqCst);
    let problem = take_back(&run, &json!({"from": "never"})).expect_problem(404, "unknown-step");
    assert!(
        problem.detail().contains("\"second\""),
        "{}",
        problem.detail()
    );
    let dry = take_back(&run, &json!({"from": "first", "dry_run": true}));
    let dry = dry.expect(200).json();
    assert_eq!(
        dry["totals"],
        json!({"again": 1, "children": 0, "requests": 0})
    );
    assert_eq!(dry["again"][0]["step"], "first");
    assert_eq!(run.status(), "failed");

    let journal = run.journal();
    let asked = Cli::of(&host).run(&["retry", "--from", "first", &id]);
    assert_eq!(asked.code, 2, "{}", asked.stderr);
    assert!(asked.stderr.contains("sent again: 1"), "{}", asked.stderr);
    Cli::of(&host)
        .run(&["retry", "--yes", "--from", "first", &id])
        .ok();
    host.restart();
    let run = host.run(&id);
    let output = run.output();
    assert_eq!((&output[2], &output[4]), (&json!(2), &json!(3)));
    // Each had a definite answer, so that it is another request now.
    for keys in [keys(&first), keys(&broken)] {
        assert_eq!(keys.len(), 2, "{keys:?}");
        assert_eq!(keys[1], format!("{}-1", keys[0]));
    }
    let shown = run.show();
    assert_eq!(shown["tries"], 1);
    assert_eq!(run.journal()[0], journal[0], "what stays is as it was");
    take_back(&run, &json!({"from": "first"})).expect_problem(409, "run-ended");
}

#[test]
fn a_living_run_is_taken_back_over_a_child_a_webhook_and_a_request() {
    let (first, _) = service(200);
    let mut host = Host::start();
    host.deploy("other", "script");
    let hears = json!({"race": [{"wait-cancel": null}, {"sleep": 60_000_000}]});
    let run = host.script(&json!({"seq": [
        {"webhook": "a"},
        {"call": {"method": "POST", "url": first.url(), "body": "a"}, "as": "first"},
        {"webhook": "b"},
        {"wait": "b"},
        {"start": {"workflow": "other", "input": hears}, "as": "child"},
        {"wait": "a"},
    ]}));
    let id = run.id().to_owned();
    let url = run.hook("b");
    post(&url, "to b").expect(202);
    wait_until("the child is started", || {
        (run.show()["children"] == 1 && run.status() == "suspended").then_some(())
    });
    take_back(&run, &json!({"from": "a"})).expect_problem(409, "unanswered");
    let dry = take_back(&run, &json!({"from": "first", "dry_run": true}));
    let dry = dry.expect(200).json();
    assert_eq!(
        dry["totals"],
        json!({"again": 1, "children": 1, "requests": 1})
    );
    let child = dry["children"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(dry["children"][0]["becomes"], "cancelled");

    take_back(&run, &json!({"from": "first"})).expect(200);
    host.restart();
    let run = host.run(&id);
    let child = host.run(&child);
    wait_until("the first child has heard of it", || {
        (child.status() == "completed").then_some(())
    });
    assert_eq!(child.output(), json!(["parent-taken-back", "lost"]));
    wait_until("another child is started", || {
        (keys(&first).len() == 2 && run.show()["children"] == 1 && run.status() == "suspended")
            .then_some(())
    });
    assert_eq!(run.hook("b"), url, "it is the same webhook");
    post(&url, "later").expect(202);
    post(run.hook("a"), "to a").expect(202);
    let output = run.output();
    // "to b" and "to a", in Base64.
    assert_eq!(output[3]["body"], "dG8gYg==");
    assert_eq!(output[5]["body"], "dG8gYQ==");
}
