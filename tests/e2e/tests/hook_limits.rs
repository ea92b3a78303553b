//! Limits on requests to webhooks: their rate, and the number that is kept.
//!
//! With a limit of one request a second, a slow test can sometimes send one more. So a test sends until it is
//! refused, or sends so many that not all can be accepted.

use dormouse_e2e::{Answer, Host, Run, body, pause, post, request, wait_until};
use serde_json::json;

use crate::forms::{go, waits_after_go};

/// More than a slow test gets through a limit of one a second.
const MANY: usize = 50;

/// Returns a run that takes nothing before `go`, and the URL of its webhook.
fn listening_run(host: &Host, waits: usize) -> (Run, String) {
    let run = host.script(&waits_after_go(waits));
    let hook = run.hook("a");
    (run, hook)
}

fn keyed(hook: &str) -> Answer {
    let request = request("POST", hook).header("idempotency-key", "k");
    request.body("paid").send()
}

/// Sends until one comes too fast, and gives what that is answered.
#[track_caller]
fn too_fast<'a>(mut hooks: impl Iterator<Item = &'a String>) -> Answer {
    let refused = wait_until("a request that comes too fast", || {
        let answer = post(hooks.next()?, "x");
        if answer.status == 202 {
            return None;
        }
        Some(answer)
    });
    let refused = refused.expect_problem(429, "too-fast");
    assert_eq!(refused.header("retry-after"), Some("1"));
    refused
}

/// Returns the bodies that a run got, once it got all it waits for.
#[track_caller]
fn delivered(run: &Run) -> Vec<String> {
    go(run);
    let output = run.output();
    output[2].as_array().unwrap().iter().map(body).collect()
}

#[test]
fn a_webhook_that_is_called_too_fast_is_answered_429_and_the_others_are_not() {
    let host = Host::with(&["--webhook-rate-limit", "1"]);
    let (run, hook) = listening_run(&host, 1);
    let (_, other) = listening_run(&host, 1);
    let refused = too_fast(std::iter::repeat(&hook));
    assert!(
        refused.detail().contains("`webhook-rate-limit`"),
        "{}",
        refused.detail()
    );
    post(&other, "x").expect(202);
    let accepted = host.hook_answers("accepted");
    assert_eq!(run.queued() + 1, accepted, "what was refused is not kept");
    assert_eq!(host.hook_answers("too-fast"), 1);
    // Who waits as told is let in.
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    pause(std::time::Duration::from_secs(seconds));
    post(&hook, "x").expect(202);
}

#[test]
fn two_webhooks_of_one_run_are_limited_each() {
    let host = Host::with(&["--webhook-rate-limit", "1"]);
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"webhook": "b"}, {"event": "go"}]}));
    let (one, other) = (run.hook("a"), run.hook("b"));
    too_fast(std::iter::repeat(&one));
    post(&other, "x").expect(202);
}

#[test]
fn a_repeat_is_known_however_fast_it_comes() {
    let mut host = Host::with(&["--webhook-rate-limit", "1"]);
    let (run, hook) = listening_run(&host, 1);
    let first = keyed(&hook).expect(202).field("id");
    host.restart();
    too_fast(std::iter::repeat(&hook));
    let queued = run.queued();
    for _ in 0..MANY {
        let again = keyed(&hook).expect(202).json();
        assert_eq!(again, json!({"id": first, "duplicate": true}));
    }
    let other_body = || {
        let request = request("POST", &hook).header("idempotency-key", "k");
        request.body("refunded").send()
    };
    for _ in 0..MANY {
        other_body().expect_problem(422, "idempotency-key-reused");
    }
    assert_eq!(run.queued(), queued);
}

#[test]
fn a_closed_webhook_is_410_however_many_requests_come() {
    let host = Host::with(&["--webhook-rate-limit", "1"]);
    let ended = listening_run(&host, 1);
    ended.0.cancel().expect(200);
    let closed = host.script(&json!({"seq": [{"webhook": "a"}, {"close": "a"}, {"event": "go"}]}));
    closed.wait_for_steps(&["go"]);
    for hook in [ended.1, closed.hook("a")] {
        for _ in 0..MANY {
            post(&hook, "x").expect_problem(410, "webhook-gone");
        }
    }
}

#[test]
fn all_webhooks_together_have_a_limit_too() {
    let host = Host::with(&["--host-rate-limit", "1"]);
    let runs = [0, 1, 2].map(|_| listening_run(&host, 1));
    let refused = too_fast(runs.iter().map(|(_, hook)| hook).cycle());
    assert!(
        refused.detail().contains("`host-rate-limit`"),
        "{}",
        refused.detail()
    );
    let queued: u64 = runs.iter().map(|(run, _)| run.queued()).sum();
    assert_eq!(queued, host.hook_answers("accepted"));
    // The API is not meant, and an event is not a request to a webhook.
    for _ in 0..MANY {
        host.get("/v1/runs").expect(200);
    }
    delivered(&runs[0].0);
}

#[test]
fn one_webhook_does_not_use_up_the_hosts_rate() {
    let host = Host::with(&["--webhook-rate-limit", "0", "--host-rate-limit", "4"]);
    let (_, hook) = listening_run(&host, 1);
    let (_, other) = listening_run(&host, 1);
    let refused = too_fast(std::iter::repeat(&hook));
    assert!(refused.detail().contains("`host-rate-limit`"));
    post(&other, "x").expect(202);
}

#[test]
fn requests_to_ended_runs_use_up_nothing_of_the_hosts_rate() {
    let host = Host::with(&["--host-rate-limit", "1"]);
    let (ended, gone) = listening_run(&host, 1);
    ended.cancel().expect(200);
    let (_, hook) = listening_run(&host, 1);
    for _ in 0..MANY {
        post(&gone, "x").expect_problem(410, "webhook-gone");
    }
    post(&hook, "x").expect(202);
}

#[test]
fn a_limit_of_0_is_none() {
    let host = Host::with(&["--webhook-rate-limit", "0", "--host-rate-limit", "0"]);
    let (run, hook) = listening_run(&host, 1);
    for _ in 0..MANY {
        post(&hook, "x").expect(202);
    }
    assert_eq!(run.queued(), MANY as u64);
}

#[test]
fn a_flood_is_refused_and_what_was_accepted_is_delivered_in_order() {
    const TAKEN: usize = 3;
    let host = Host::with(&["--webhook-rate-limit", "1"]);
    let (run, hook) = listening_run(&host, TAKEN);
    let (mut accepted, mut refused) = (Vec::new(), 0);
    let mut numbers = 0..;
    wait_until("a flood that is refused in part", || {
        let body = numbers.next()?.to_string();
        match post(&hook, &body).status {
            202 => accepted.push(body),
            429 => refused += 1,
            other => panic!("{other}"),
        }
        (accepted.len() >= TAKEN && refused > 0).then_some(())
    });
    assert_eq!(run.queued(), accepted.len() as u64);
    assert_eq!(delivered(&run), accepted[..TAKEN]);
}

#[test]
fn all_inboxes_together_have_a_limit() {
    let mut host = Host::with(&["--host-inbox-bytes-limit", "10KiB"]);
    let (first, hook) = listening_run(&host, 1);
    let (second, other) = listening_run(&host, 1);
    let large = "x".repeat(4_000);
    let first_id = {
        let request = request("POST", &hook).header("idempotency-key", "k");
        request.body(&large).send().expect(202).field("id")
    };
    post(&other, &large).expect(202);
    let full = || {
        for hook in [&hook, &other] {
            let refused = post(hook, &large).expect_problem(429, "host-full");
            let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!(seconds > 0);
        }
        assert_eq!((first.queued(), second.queued()), (1, 1));
    };
    full();
    // What is small finds a place, and a repeat needs none.
    post(&other, "small").expect(202);
    let repeat = request("POST", &hook).header("idempotency-key", "k");
    let repeat = repeat.body(&large).send().expect(202).json();
    assert_eq!(repeat, json!({"id": first_id, "duplicate": true}));
    assert_eq!(second.queued(), 2);
    host.restart();
    post(&hook, &large).expect_problem(429, "host-full");
    // A run that takes its request makes room, for others as well.
    assert_eq!(delivered(&first), [large.as_str()]);
    post(&other, &large).expect(202);
    post(&other, &large).expect_problem(429, "host-full");
    assert_eq!(delivered(&second), [large.as_str()]);
}
