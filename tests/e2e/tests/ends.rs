//! Runs that do not complete.

use std::time::Duration;

use dormouse_e2e::{Host, Service, pause, post, with_enough_time};
use serde_json::json;

use crate::components::stuck;
use crate::forms::waits_after_go;

#[test]
fn a_run_is_cancelled_once_and_stays_so() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    run.wait_for_steps(&["go"]);
    assert_eq!(run.cancel().expect(200).field("status"), "cancelled");
    assert_eq!(run.status(), "cancelled");
    run.cancel().expect(200);
    run.notify("go", "").expect_problem(410, "run-ended");
}

#[test]
fn a_run_that_has_ended_cannot_be_cancelled() {
    let host = Host::start();
    let completed = host.script(&json!({"now": true}));
    let failed = host.script(&json!({"trap": "over"}));
    completed.end();
    failed.end();
    completed.cancel().expect_problem(409, "run-ended");
    // One that has failed is given up by it, and has not ended in another way.
    assert_eq!(failed.cancel().expect(200).field("status"), "failed");
    failed.cancel().expect_problem(409, "run-ended");
    assert_eq!(
        (completed.status(), failed.status()),
        ("completed".into(), "failed".into())
    );
}

#[test]
fn cancelling_throws_away_what_a_run_is_computing() {
    let host = Host::with(&["--cpu-limit", "1h"]);
    let run = host.script(&json!({"seq": [{"event": "go"}, {"webhook": "a"}, {"spin": true}]}));
    run.wait_for_steps(&["go"]);
    run.notify("go", "").expect(202);
    run.wait_for_status("running");
    run.cancel().expect(200);
    assert_eq!(run.end()["status"], "cancelled");
    assert_eq!(
        run.webhooks()["webhooks"],
        json!([]),
        "what it did was never committed"
    );
    // The thread that computed is free again.
    host.script(&json!({"now": true})).output();
}

#[test]
fn a_cancelled_run_makes_no_further_attempt() {
    let host = Host::start();
    with_enough_time("a cancellation before the next attempt", 1_000, |delay| {
        let service = Service::answering(&[503]);
        let run = host.script(&json!({"call": {"url": service.url(), "delay_ms": delay}}));
        let first = service.wait_for(1)[0].since;
        run.cancel().expect(200);
        if first.elapsed() >= Duration::from_millis(delay / 2) {
            return None;
        }
        // The next attempt would be made by then.
        pause(Duration::from_millis(delay + 500));
        assert_eq!(service.requests().len(), 1);
        Some(())
    });
}

#[test]
fn a_trap_fails_the_run_with_message_and_backtrace() {
    let host = Host::start();
    let run =
        host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}, {"trap": "no flour left"}]}));
    post(run.hook("a"), "").expect(202);
    let (code, message) = run.failure();
    assert_eq!(code, "trap");
    assert!(message.contains("no flour left"), "{message}");
    assert!(
        message.contains("interpreter.rs"),
        "the place of the panic: {message}"
    );
    let backtrace = run.show()["failure"]["backtrace"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(backtrace.contains("interpreter"), "{backtrace}");
    host.script(&json!({"now": true})).output();
}

#[test]
fn the_operations_of_a_trapping_activation_are_shown_and_never_performed() {
    let service = Service::answering(&[200]);
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"log": "about to fail"},
        {"join": [{"call": {"url": service.url()}}, {"trap": "over"}]},
    ]}));
    run.failure();
    let operations = &run.journal()["activations"][0]["operations"];
    assert_eq!(operations[0]["kind"], "call", "{operations}");
    let lines = run.logs();
    assert_eq!(lines["lines"][0]["message"], "about to fail");
    host.script(&json!({"sleep": 300})).output();
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn an_error_that_the_workflow_returns_is_its_failure() {
    let host = Host::start();
    let run = host.script(&json!({"wait": "a"}));
    let (code, message) = run.failure();
    assert_eq!(code, "script");
    assert!(message.contains("`a` is not a webhook"), "{message}");
    let (code, message) = host.script(&json!({"wiat": "a"})).failure();
    assert_eq!(code, "invalid-input");
    assert!(message.contains("wiat"), "{message}");
}

#[test]
fn a_run_ends_with_its_return_whatever_it_still_waits_for() {
    let service = Service::answering(&[200]);
    let host = Host::start();
    // The call is issued in the last activation, so it is not sent.
    let run = host.script(&json!({"race": [
        {"call": {"url": service.url()}}, {"webhook": "a"},
    ]}));
    assert_eq!(run.output()[0], "lost");
    assert_eq!(run.show()["waiting"], json!([]));
    host.script(&json!({"sleep": 300})).output();
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn a_run_that_waits_for_nothing_that_can_happen_is_stuck() {
    let host = Host::start();
    host.upload("stuck", &stuck()).expect(201);
    let (code, message) = host.start_run("stuck", &json!(null)).failure();
    assert_eq!(code, "stuck");
    assert!(message.contains("wait"), "{message}");
}

#[test]
fn only_a_blocked_run_can_be_resumed() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    run.wait_for_steps(&["go"]);
    run.post("/resume", "").expect_problem(409, "not-blocked");
    run.cancel().expect(200);
    run.post("/resume", "").expect_problem(409, "not-blocked");
}
