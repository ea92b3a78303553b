//! The answers to callers of webhooks other than 202.

use std::time::Duration;

use dormouse_e2e::{Answer, Host, Run, body, pause, post, raw, request, wait_until};
use serde_json::{Value, json};

use crate::forms::{go, waits_after_go};

fn queued(run: &Run) -> Value {
    run.webhooks()["webhooks"][0]["queued"].clone()
}

/// Returns a request whose head announces a body of this length, and which stops there.
#[track_caller]
fn announce(method: &str, url: &str, length: u64) -> Answer {
    let (authority, target) = raw::split(url);
    let mut connection = raw::Connection::to(url);
    connection.send(format!(
        "{method} {target} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: {length}\r\n\r\n"
    ));
    connection.answer()
}

#[test]
fn a_method_that_is_not_delivered_is_answered_405() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    for method in ["GET", "PROPFIND", "TRACE"] {
        let answer = request(method, &hook)
            .send()
            .expect_problem(405, "method-not-allowed");
        assert_eq!(
            answer.header("allow"),
            Some("POST, PUT, PATCH, DELETE, HEAD, OPTIONS")
        );
    }
    assert_eq!(queued(&run), 0);
}

#[test]
fn head_and_options_are_answered_and_never_resume_a_run() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a", "options": {"methods": ["PUT", "POST"]}}, {"wait": "a"},
    ]}));
    run.wait_for_steps(&["a"]);
    let hook = run.hook("a");
    let head = request("HEAD", &hook).send().expect(200);
    assert_eq!(head.body, b"");
    let options = request("OPTIONS", &hook).send().expect(204);
    assert_eq!(options.header("allow"), Some("PUT, POST, HEAD, OPTIONS"));
    assert_eq!(queued(&run), 0);
    run.wait_for_steps(&["a"]);
    post(&hook, "the first that counts").expect(202);
    assert_eq!(body(&run.output()[1]), "the first that counts");
}

#[test]
fn a_body_over_the_limit_is_413_before_it_is_read() {
    let host = Host::with(&["--body-limit", "1000"]);
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    post(&hook, [b'x'; 1000]).expect(202);
    let refused = announce("POST", &hook, 1001).expect_problem(413, "body-too-large");
    assert!(refused.detail().contains("1000"), "{}", refused.detail());
    assert!(
        refused.detail().contains("`body-limit`"),
        "{}",
        refused.detail()
    );
    assert_eq!(queued(&run), 1);
}

#[test]
fn a_body_of_unknown_length_is_413_as_soon_as_it_is_over_the_limit() {
    let host = Host::with(&["--body-limit", "1000"]);
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let (authority, target) = raw::split(&hook);
    let mut connection = raw::Connection::to(&hook);
    connection.send(format!(
        "POST {target} HTTP/1.1\r\nHost: {authority}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    // The last chunk, which would end it, never comes.
    for _ in 0..3 {
        connection.send(format!("190\r\n{}\r\n", "x".repeat(0x190)));
    }
    connection.answer().expect_problem(413, "body-too-large");
    assert_eq!(queued(&run), 0);
}

#[test]
fn a_request_that_breaks_off_is_not_queued() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let (authority, target) = raw::split(&hook);
    let mut connection = raw::Connection::to(&hook);
    connection.send(format!(
        "POST {target} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 10\r\n\r\nhalf"
    ));
    drop(connection);
    post(&hook, "whole").expect(202);
    go(&run);
    assert_eq!(body(&run.output()[2][0]), "whole");
    assert_eq!(run.show()["untaken"], 0);
}

#[test]
fn a_full_inbox_is_429_and_keeps_what_it_has() {
    let host = Host::with(&["--inbox-limit", "3"]);
    let run = host.script(&waits_after_go(4));
    let hook = run.hook("a");
    for call in ["1", "2", "3"] {
        post(&hook, call).expect(202);
    }
    let refused = post(&hook, "too many").expect_problem(429, "inbox-full");
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds > 0);
    go(&run);
    run.wait_for_steps(&["a"]);
    post(&hook, "4").expect(202);
    let output = run.output();
    let bodies: Vec<_> = output[2].as_array().unwrap().iter().map(body).collect();
    assert_eq!(bodies, ["1", "2", "3", "4"]);
}

#[test]
fn an_inbox_is_full_by_bytes_too() {
    let host = Host::with(&["--inbox-bytes-limit", "10KiB"]);
    let run = host.script(&waits_after_go(2));
    let hook = run.hook("a");
    for _ in 0..2 {
        post(&hook, [b'x'; 4000]).expect(202);
    }
    post(&hook, [b'x'; 4000]).expect_problem(429, "inbox-full");
    assert_eq!(queued(&run), 2);
    let other = host.script(&waits_after_go(1));
    post(other.hook("a"), [b'x'; 4000]).expect(202);
}

#[test]
fn a_closed_webhook_is_gone_and_what_it_had_can_be_waited_for() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"}, {"event": "go"}, {"close": "a"}, {"close": "a"}, {"event": "on"}, {"wait": "a"},
    ]}));
    let hook = run.hook("a");
    post(&hook, "before").expect(202);
    go(&run);
    run.wait_for_steps(&["on"]);
    post(&hook, "after").expect_problem(410, "webhook-gone");
    assert_eq!(run.webhooks()["webhooks"][0]["closed"], true);
    run.notify("on", "").expect(202);
    assert_eq!(body(&run.output()[5]), "before");
}

#[test]
fn an_ended_runs_webhook_is_gone() {
    let mut host = Host::start();
    let completed = host.script(&json!({"webhook": "a"}));
    let cancelled = host.script(&waits_after_go(1));
    let failed = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}, {"trap": "over"}]}));
    let told = completed.output().as_str().unwrap().to_owned();
    let hooks = [told, cancelled.hook("a"), failed.hook("a")];
    cancelled.cancel().expect(200);
    // Its caller is answered the same, whatever the run does of it.
    post(&hooks[2], "").expect(202);
    failed.failure();
    failed.cancel().expect(200);

    let all_gone = || {
        for hook in &hooks {
            post(hook, "").expect_problem(410, "webhook-gone");
        }
    };
    all_gone();
    host.restart();
    all_gone();
}

#[test]
fn a_run_that_retention_removed_leaves_webhooks_that_are_gone() {
    let mut host = Host::with(&["--retention", "100ms"]);
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    run.cancel().expect(200);
    pause(Duration::from_millis(200));
    // What has expired is looked for at the start, and every now and then.
    host.restart();
    wait_until("the run's removal", || {
        (run.get("").status == 404).then_some(())
    });
    post(&hook, "").expect_problem(410, "webhook-gone");
}

#[test]
fn the_checks_are_made_in_their_order() {
    let host = Host::with(&["--body-limit", "1000", "--inbox-limit", "1"]);
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let forged = format!("{}/hooks/{}", host.url(), "A".repeat(60));

    // The token before all else.
    request("HEAD", &forged).send().expect(404);
    request("OPTIONS", &forged).send().expect(404);
    announce("POST", &forged, 1001).expect_problem(404, "unknown-webhook");
    // The method before the size.
    announce("GET", &hook, 1001).expect_problem(405, "method-not-allowed");
    // The size before what was accepted before, and that before the limits.
    let keyed = |body: &str| {
        request("POST", &hook)
            .header("idempotency-key", "k")
            .body(body)
            .send()
    };
    keyed("first").expect(202);
    keyed(&"x".repeat(1001)).expect(413);
    post(&hook, "another").expect(429);
    assert_eq!(keyed("first").expect(202).json()["duplicate"], true);
    // All of that before the run's end, but not the limits.
    run.cancel().expect(200);
    request("HEAD", &hook).send().expect(200);
    request("OPTIONS", &hook).send().expect(204);
    request("GET", &hook).send().expect(405);
    announce("POST", &hook, 1001).expect(413);
    assert_eq!(keyed("first").expect(202).json()["duplicate"], true);
    post(&hook, "another").expect_problem(410, "webhook-gone");
}
