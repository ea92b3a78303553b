//! A request that is sent again is recognised as a repeat.

use std::thread;
use std::time::Duration;

use dormouse_e2e::{Answer, Host, body, pause, post, request, wait_until};
use serde_json::json;

use crate::forms::{go, waits_after_go};

#[track_caller]
fn keyed(hook: &str, key: &str, body: &str) -> Answer {
    request("POST", hook)
        .header("idempotency-key", key)
        .body(body)
        .send()
}

#[track_caller]
fn with_webhook_id(hook: &str, id: &str, body: &str) -> Answer {
    request("POST", hook)
        .header("webhook-id", id)
        .body(body)
        .send()
}

/// Returns the id that an answer gives, if it is the answer to a request that is new, or to one that is not.
#[track_caller]
fn id(answer: Answer, duplicate: bool) -> String {
    let answer = answer.expect(202);
    assert_eq!(answer.json()["duplicate"], duplicate);
    answer.field("id")
}

#[test]
fn a_duplicate_gets_the_first_id() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let first = id(keyed(&hook, "k", "paid"), false);
    assert_eq!(id(keyed(&hook, "k", "paid"), true), first);
    assert_eq!(run.webhooks()["webhooks"][0]["queued"], 1);
    go(&run);
    assert_eq!(body(&run.output()[2][0]), "paid");
    assert_eq!(run.show()["untaken"], 0);
}

#[test]
fn a_duplicate_is_known_after_its_first_was_taken() {
    let host = Host::start();
    let run = host
        .script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}, {"wait": "a", "as": "next"}]}));
    let hook = run.hook("a");
    let first = id(keyed(&hook, "k", "paid"), false);
    run.wait_for_steps(&["next"]);
    assert_eq!(id(keyed(&hook, "k", "paid"), true), first);
    run.wait_for_steps(&["next"]);
    id(keyed(&hook, "l", "again"), false);
    assert_eq!(body(&run.output()[2]), "again");
}

#[test]
fn duplicates_at_once_are_one_request() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let answers: Vec<_> = thread::scope(|scope| {
        let callers: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| keyed(&hook, "k", "paid").expect(202).json()))
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect()
    });
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer["duplicate"] == false)
            .count(),
        1
    );
    assert!(
        answers
            .iter()
            .all(|answer| answer["id"] == answers[0]["id"]),
        "{answers:?}"
    );
    assert_eq!(run.webhooks()["webhooks"][0]["queued"], 1);
}

#[test]
fn without_a_key_nothing_is_a_duplicate() {
    let host = Host::start();
    let hook = host.script(&waits_after_go(2)).hook("a");
    let first = id(post(&hook, "same"), false);
    assert_ne!(id(post(&hook, "same"), false), first);
}

#[test]
fn a_key_counts_for_one_webhook() {
    let host = Host::start();
    let one = host.script(&waits_after_go(1)).hook("a");
    let other = host.script(&waits_after_go(1)).hook("a");
    let first = id(keyed(&one, "k", "paid"), false);
    assert_ne!(id(keyed(&other, "k", "paid"), false), first);
}

#[test]
fn a_duplicate_is_known_across_a_restart() {
    let mut host = Host::start();
    let hook = host.script(&waits_after_go(1)).hook("a");
    let first = id(keyed(&hook, "k", "paid"), false);
    let standard = id(with_webhook_id(&hook, "msg_1", "paid"), false);
    host.restart();
    assert_eq!(id(keyed(&hook, "k", "paid"), true), first);
    assert_eq!(id(with_webhook_id(&hook, "msg_1", "paid"), true), standard);
}

#[test]
fn a_duplicate_is_known_from_a_full_inbox() {
    let host = Host::with(&["--inbox-limit", "1"]);
    let hook = host.script(&waits_after_go(1)).hook("a");
    let first = id(keyed(&hook, "k", "paid"), false);
    keyed(&hook, "l", "paid").expect_problem(429, "inbox-full");
    assert_eq!(id(keyed(&hook, "k", "paid"), true), first);
}

#[test]
fn a_duplicate_is_known_after_the_end() {
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    let hook = run.hook("a");
    let first = id(keyed(&hook, "k", "paid"), false);
    run.output();
    assert_eq!(id(keyed(&hook, "k", "paid"), true), first);
    keyed(&hook, "l", "paid").expect_problem(410, "webhook-gone");
    keyed(&hook, "k", "other").expect_problem(422, "idempotency-key-reused");
    host.restart();
    assert_eq!(id(keyed(&hook, "k", "paid"), true), first);
}

#[test]
fn an_idempotency_key_with_another_body_is_422() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let first = id(keyed(&hook, "k", "paid"), false);
    keyed(&hook, "k", "refunded").expect_problem(422, "idempotency-key-reused");
    assert_eq!(id(keyed(&hook, "k", "paid"), true), first);
    assert_eq!(run.webhooks()["webhooks"][0]["queued"], 1);
}

#[test]
fn a_webhook_id_with_another_body_is_queued_as_new() {
    let host = Host::start();
    let run = host.script(&waits_after_go(2));
    let hook = run.hook("a");
    let first = id(with_webhook_id(&hook, "msg_1", "one"), false);
    assert_eq!(id(with_webhook_id(&hook, "msg_1", "one"), true), first);
    assert_ne!(id(with_webhook_id(&hook, "msg_1", "two"), false), first);
    assert_eq!(id(with_webhook_id(&hook, "msg_1", "one"), true), first);
    go(&run);
    let output = run.output();
    assert_eq!(
        (body(&output[2][0]), body(&output[2][1])),
        ("one".into(), "two".into())
    );
}

#[test]
fn a_malformed_idempotency_key_is_400_and_names_the_header() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let answer = keyed(&hook, "k\u{fc}", "").expect_problem(400, "invalid-header");
    let expected = "the header Idempotency-Key has the byte 0xc3";
    assert!(answer.detail().contains(expected), "{}", answer.detail());
    let twice = request("POST", &hook)
        .header("idempotency-key", "a")
        .header("idempotency-key", "b");
    twice.send().expect_problem(400, "invalid-header");
    assert_eq!(run.webhooks()["webhooks"][0]["queued"], 0);
}

#[test]
fn quoted_keys_long_ones_and_ones_with_spaces_are_keys_of_webhooks_and_starts() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let start = |key: &str| {
        let start = host.request("POST", "/v1/workflows/script/runs");
        let start = start.header("idempotency-key", key).json(&json!("a"));
        start.send()
    };
    let long = "k".repeat(257);
    for bare in ["k", "a b", &long] {
        let first = id(keyed(&hook, bare, "paid"), false);
        let run = start(bare).expect(202).field("id");
        for written in [bare.to_owned(), format!("\"{bare}\"")] {
            assert_eq!(id(keyed(&hook, &written, "paid"), true), first);
            assert_eq!(start(&written).expect(200).field("id"), run);
        }
    }
    let answer = start("\"k").expect_problem(400, "invalid-header");
    let expected = "the header Idempotency-Key begins with a quotation mark";
    assert!(answer.detail().contains(expected), "{}", answer.detail());
}

#[test]
fn a_duplicate_is_forgotten_after_the_window() {
    let mut host = Host::with(&["--duplicate-window", "100ms"]);
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let first = keyed(&hook, "k", "paid").expect(202).field("id");
    pause(Duration::from_millis(200));
    // What has expired is looked for at the start, and every now and then.
    host.restart();
    let second = wait_until("a repeat that counts as new", || {
        let answer = keyed(&hook, "k", "paid").expect(202);
        (answer.json()["duplicate"] == false).then(|| answer.field("id"))
    });
    assert_ne!(second, first);
}
