//! Webhooks whose callers get another answer than 202: a fixed one, or the workflow's.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use dormouse_e2e::{Answer, Host, Run, pause, post, raw, request, wait_until};
use serde_json::{Value, json};

use crate::forms::go;

/// Longer than any test takes.
const LONG: u64 = 60_000;

/// Returns a webhook `a` that replies from the workflow within this time, and then this.
fn replying(within: u64, then: &[Value]) -> Value {
    let mut forms = vec![json!({"webhook": "a", "options": {"reply": {"from-workflow": within}}})];
    forms.extend_from_slice(then);
    json!({ "seq": forms })
}

fn respond(status: u16, body: &str) -> Value {
    json!({"respond": {"status": status, "headers": [["x-answer", "yes"]], "body": body}})
}

/// Returns a run that takes a request, answers it after `go`, and goes on.
fn answering_after_go(within: u64, answer: &str) -> Value {
    let waits = [json!({"wait": "a"}), json!({"event": "go"})];
    let rest = [respond(200, answer), json!({"event": "on"})];
    replying(within, &[waits, rest].concat())
}

/// Returns a run that after `go` takes two requests and answers them.
fn answering_twice_after_go() -> Value {
    let twice = json!({"repeat": 2, "do": {"seq": [{"wait": "a"}, respond(200, "yes")]}});
    replying(LONG, &[json!({"event": "go"}), twice])
}

fn keyed(hook: &str, key: &str) -> dormouse_e2e::Request {
    request("POST", hook)
        .header("idempotency-key", key)
        .body("question")
}

/// Sends a request whose answer may take long.
fn send_later(request: dormouse_e2e::Request) -> JoinHandle<Option<Answer>> {
    thread::spawn(move || request.try_send().ok())
}

fn answer(held: JoinHandle<Option<Answer>>) -> Answer {
    held.join().unwrap().unwrap()
}

fn webhook(run: &Run) -> Value {
    run.webhooks()["webhooks"][0].clone()
}

/// Waits until this many requests were accepted and not taken.
fn wait_for_queued(run: &Run, queued: u32) {
    wait_until("queued requests", || {
        (webhook(run)["queued"] == queued).then_some(())
    });
}

fn wait_for_delivered(run: &Run, delivered: u32) {
    wait_until("delivered requests", || {
        (webhook(run)["delivered"] == delivered).then_some(())
    });
}

#[test]
fn a_fixed_reply_is_sent_as_it_was_written_to_repeats_as_well() {
    let host = Host::start();
    let fixed = json!({"status": 201, "headers": [["content-type", "text/html"], ["x-a", "1"], ["x-a", "2"]],
        "body": "<p>Thank you"});
    let run = host.script(&json!({"seq": [
        {"webhook": "a", "options": {"methods": ["GET"], "reply": {"fixed": fixed}}}, {"event": "go"}, {"wait": "a"},
    ]}));
    let hook = run.hook("a");
    let call = || request("GET", &hook).header("idempotency-key", "k").send();
    for _ in 0..2 {
        let answer = call().expect(201);
        assert_eq!(answer.text(), "<p>Thank you");
        assert_eq!(answer.header("content-type"), Some("text/html"));
        let values = answer.headers.iter().filter(|(name, _)| name == "x-a");
        let values: Vec<_> = values.map(|(_, value)| value.as_slice()).collect();
        assert_eq!(values, [b"1", b"2"]);
    }
    assert_eq!(webhook(&run)["queued"], 1);
    go(&run);
    run.output();
    assert_eq!(call().status, 201, "a repeat gets it after the run's end");
    request("GET", &hook)
        .send()
        .expect_problem(410, "webhook-gone");
}

/// A page of a workflow's must not act as the host's own in a browser that can reach the API.
#[test]
fn responses_of_a_workflow_get_an_origin_of_their_own() {
    let host = Host::start();
    let page = json!({"status": 200, "headers": [["content-security-policy", "default-src *"]], "body": "<script>"});
    let run = host.script(
        &json!({"seq": [{"webhook": "a", "options": {"reply": {"fixed": page}}}, {"event": "go"}]}),
    );
    let answer = post(run.hook("a"), "").expect(200);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let policies = answer.headers.iter();
    let policies = policies.filter(|(name, _)| name == "content-security-policy");
    let policies: Vec<_> = policies.map(|(_, value)| value.as_slice()).collect();
    assert_eq!(policies, [b"default-src *".as_slice(), b"sandbox"]);
}

/// Nothing but forms is loosened, and for HTML alone.
#[test]
fn a_page_may_send_forms() {
    let host = Host::start();
    for (content_type, policy) in [
        ("text/html", "sandbox allow-forms"),
        ("Text/HTML ; charset=utf-8", "sandbox allow-forms"),
        ("image/svg+xml", "sandbox"),
        ("text/htmlx", "sandbox"),
    ] {
        let page =
            json!({"status": 200, "headers": [["content-type", content_type]], "body": "<form>"});
        let options = json!({"methods": ["GET", "POST"], "reply": {"fixed": page}});
        let webhook = json!({"webhook": "a", "options": options});
        let run = host.script(&json!({"seq": [webhook, {"wait": "a"}, {"wait": "a"}]}));
        let hook = run.hook("a");
        let answer = request("GET", &hook).send().expect(200);
        assert_eq!(answer.header("content-security-policy"), Some(policy));
        // What a form of a page without an origin sends.
        let sent = request("POST", &hook)
            .header("origin", "null")
            .header("sec-fetch-site", "cross-site")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("name=Ann");
        sent.send().expect(200);
        run.output();
    }
}

#[test]
fn a_workflow_serves_requests_one_after_the_other() {
    let host = Host::start();
    let loop_ = json!({"repeat": 3, "do": {"seq": [{"wait": "a"}, respond(201, "answer")]}});
    let run = host.script(&replying(LONG, &[loop_]));
    let hook = run.hook("a");
    for _ in 0..3 {
        let answer = post(&hook, "question").expect(201);
        assert_eq!(answer.text(), "answer");
        assert_eq!(answer.header("x-answer"), Some("yes"));
    }
    assert_eq!(run.end()["status"], "completed");
    post(&hook, "one more").expect_problem(410, "webhook-gone");
}

#[test]
fn a_request_that_came_before_the_wait_is_held_until_it_is_answered() {
    let host = Host::start();
    let run = host.script(&replying(
        LONG,
        &[
            json!({"event": "go"}),
            json!({"wait": "a"}),
            respond(200, "late"),
        ],
    ));
    let held = send_later(request("POST", run.hook("a")));
    wait_for_queued(&run, 1);
    go(&run);
    assert_eq!(answer(held).expect(200).text(), "late");
}

#[test]
fn when_time_is_up_the_caller_gets_202_and_the_answer_is_kept_for_a_repeat() {
    let host = Host::start();
    let run = host.script(&answering_after_go(50, "late"));
    let hook = run.hook("a");
    let first = keyed(&hook, "k").send().expect(202).json();
    assert_eq!(first["duplicate"], false);
    run.wait_for_steps(&["go"]);
    let again = keyed(&hook, "k").send().expect(202).json();
    assert_eq!(again, json!({"id": first["id"], "duplicate": true}));
    go(&run);
    run.wait_for_steps(&["on"]);
    assert_eq!(keyed(&hook, "k").send().expect(200).text(), "late");
    run.cancel().expect(200);
    assert_eq!(keyed(&hook, "k").send().expect(200).text(), "late");
}

#[test]
fn a_repeat_of_what_is_undecided_is_held_too() {
    let host = Host::start();
    let run = host.script(&answering_after_go(LONG, "for both"));
    let hook = run.hook("a");
    let first = send_later(keyed(&hook, "k"));
    run.wait_for_steps(&["go"]);
    let second = send_later(keyed(&hook, "k"));
    // It shows nowhere that somebody is held; a repeat that is not would be answered by now.
    pause(Duration::from_millis(50));
    assert!(!first.is_finished() && !second.is_finished());
    go(&run);
    for held in [first, second] {
        assert_eq!(answer(held).expect(200).text(), "for both");
    }
    assert_eq!(webhook(&run)["delivered"], 1);
}

#[test]
fn a_caller_that_a_crash_cut_off_repeats_and_gets_the_answer() {
    let mut host = Host::start();
    let run = host.script(&answering_after_go(LONG, "after all"));
    let hook = run.hook("a");
    let cut_off = send_later(keyed(&hook, "k"));
    run.wait_for_steps(&["go"]);
    host.kill();
    assert!(
        cut_off
            .join()
            .unwrap()
            .is_none_or(|answer| answer.status != 200)
    );

    // Before it is decided.
    host.resume();
    let again = send_later(keyed(&hook, "k"));
    pause(Duration::from_millis(50));
    assert!(!again.is_finished());
    go(&run);
    assert_eq!(answer(again).expect(200).text(), "after all");

    // After it.
    run.wait_for_steps(&["on"]);
    host.restart();
    let again = keyed(&hook, "k").send().expect(200);
    assert_eq!(again.text(), "after all");
    assert_eq!(again.header("x-answer"), Some("yes"));
    assert_eq!(webhook(&run)["delivered"], 1);
}

#[test]
fn a_run_that_ends_without_taking_the_request_is_gone_for_its_caller() {
    let host = Host::start();
    let run = host.script(&replying(LONG, &[json!({"event": "go"})]));
    let hook = run.hook("a");
    let held = send_later(keyed(&hook, "k"));
    wait_for_queued(&run, 1);
    go(&run);
    answer(held).expect_problem(410, "webhook-gone");
    assert_eq!(run.end()["untaken"], 1);
    keyed(&hook, "k").send().expect_problem(410, "webhook-gone");
}

#[test]
fn a_run_that_took_the_request_and_ends_without_an_answer_leaves_202() {
    let host = Host::start();
    let cancelled = host.script(&replying(
        LONG,
        &[json!({"wait": "a"}), json!({"event": "go"})],
    ));
    let held = send_later(keyed(&cancelled.hook("a"), "k"));
    wait_for_delivered(&cancelled, 1);
    cancelled.cancel().expect(200);
    assert_eq!(answer(held).expect(202).json()["duplicate"], false);
    let again = keyed(&cancelled.hook("a"), "k").send().expect(202);
    assert_eq!(again.json()["duplicate"], true);

    let trapped = host.script(&replying(
        LONG,
        &[
            json!({"wait": "a"}),
            respond(200, "never"),
            json!({"trap": "over"}),
        ],
    ));
    let hook = trapped.hook("a");
    post(&hook, "").expect(202);
    trapped.failure();
}

#[test]
fn an_answer_decided_as_the_run_returns_is_sent() {
    let host = Host::start();
    let run = host.script(&replying(
        LONG,
        &[json!({"wait": "a"}), respond(200, "at last")],
    ));
    let hook = run.hook("a");
    assert_eq!(keyed(&hook, "k").send().expect(200).text(), "at last");
    assert_eq!(run.end()["status"], "completed");
    assert_eq!(keyed(&hook, "k").send().expect(200).text(), "at last");
}

#[test]
fn a_second_or_unexpected_answer_fails_the_run_with_an_explanation() {
    let host = Host::start();
    let twice = host.script(&replying(
        LONG,
        &[
            json!({"wait": "a"}),
            respond(200, "one"),
            json!({"event": "go"}),
            respond(200, "two"),
        ],
    ));
    assert_eq!(post(twice.hook("a"), "").expect(200).text(), "one");
    go(&twice);
    let (code, message) = twice.failure();
    assert_eq!(code, "misuse");
    assert!(message.contains("twice"), "{message}");

    let plain = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}, respond(200, "x")]}));
    post(plain.hook("a"), "").expect(202);
    let (code, message) = plain.failure();
    assert_eq!(code, "misuse");
    assert!(message.contains("`from-workflow`"), "{message}");
}

#[test]
fn the_time_for_an_answer_is_capped() {
    let host = Host::with(&["--reply-wait-limit", "50ms"]);
    let run = host.script(&replying(
        LONG,
        &[json!({"wait": "a"}), json!({"event": "go"})],
    ));
    post(run.hook("a"), "").expect(202);
}

#[test]
fn no_more_callers_are_held_than_allowed() {
    let host = Host::with(&["--held-replies", "1"]);
    let run = host.script(&answering_twice_after_go());
    let hook = run.hook("a");
    let held = send_later(request("POST", &hook));
    wait_for_queued(&run, 1);
    let refused = post(&hook, "").expect_problem(503, "too-many-held");
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds > 0);
    assert_eq!(webhook(&run)["queued"], 1, "nothing of it was stored");
    go(&run);
    answer(held).expect(200);
    post(&hook, "").expect(200);
}

#[test]
fn a_webhook_holds_a_quarter_of_all_callers_and_others_have_the_rest() {
    let host = Host::with(&["--held-replies", "8"]);
    let run = host.script(&answering_twice_after_go());
    let hook = run.hook("a");
    // One request, repeated.
    let held: Vec<_> = (0..2).map(|_| send_later(keyed(&hook, "k"))).collect();
    wait_until("two callers who are held", || {
        let metrics = host.get("/metrics").expect(200).text();
        metrics
            .contains("dormouse_hook_callers_held 2")
            .then_some(())
    });
    let refused = keyed(&hook, "k")
        .send()
        .expect_problem(429, "too-many-held");
    assert!(refused.header("retry-after").is_some());
    let other = host.script(&replying(
        LONG,
        &[json!({"wait": "a"}), respond(200, "other")],
    ));
    post(other.hook("a"), "").expect(200);
    go(&run);
    for held in held {
        answer(held).expect(200);
    }
}

#[test]
fn a_caller_who_leaves_makes_room_for_another() {
    let host = Host::with(&["--held-replies", "1"]);
    let run = host.script(&answering_twice_after_go());
    let hook = run.hook("a");
    let (authority, target) = raw::split(&hook);
    let mut connection = raw::Connection::to(&hook);
    connection.send(format!(
        "POST {target} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\n\r\n"
    ));
    wait_for_queued(&run, 1);
    drop(connection);
    let held = wait_until("room for a caller", || {
        let held = send_later(request("POST", &hook));
        let has_room = wait_until("a caller who is held or refused", || {
            let has_room = webhook(&run)["queued"] == 2;
            (has_room || held.is_finished()).then_some(has_room)
        });
        if has_room {
            return Some(held);
        }
        answer(held).expect_problem(503, "too-many-held");
        None
    });
    go(&run);
    answer(held).expect(200);
}

#[test]
fn a_host_that_stops_lets_its_callers_go_with_202() {
    let mut host = Host::start();
    let run = host.script(&answering_after_go(LONG, "after all"));
    let hook = run.hook("a");
    let held = send_later(keyed(&hook, "k"));
    run.wait_for_steps(&["go"]);
    assert!(host.stop().success());
    assert_eq!(answer(held).expect(202).json()["duplicate"], false);
    host.resume();
    let again = send_later(keyed(&hook, "k"));
    go(&run);
    assert_eq!(answer(again).expect(200).text(), "after all");
}

#[test]
fn options_that_make_no_sense_fail_the_run_in_words() {
    let host = Host::start();
    for (reply, text) in [
        (json!({"from-workflow": 0}), "at least 1 ms"),
        (json!({"fixed": {"status": 102}}), "102"),
        (
            json!({"fixed": {"status": 200, "headers": [["Set-Cookie", "a=b"]]}}),
            "set-cookie",
        ),
        (json!({"fixed": {"status": 204, "body": "x"}}), "204"),
    ] {
        let run = host.script(&json!({"webhook": "a", "options": {"reply": reply}}));
        let (code, message) = run.failure();
        assert_eq!(code, "misuse");
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn a_webhook_that_the_next_generation_does_not_keep_lets_its_callers_go_at_once() {
    let host = Host::start();
    let hooks = |keep: &str, then: Value| {
        let options = json!({"reply": {"from-workflow": LONG}});
        json!({"seq": [
            {"webhook": "a", "options": options},
            {"webhook": "b"},
            {"event": "go"},
            {"continue": then, "keep": [keep]},
        ]})
    };
    let left = host.script(&hooks("b", json!({"event": "never"})));
    let held = send_later(keyed(&left.hook("a"), "1"));
    wait_for_queued(&left, 1);
    left.notify("go", "{}").expect(202);
    answer(held).expect_problem(410, "webhook-gone");
    assert_eq!(left.show()["generation"], 1);

    // One that is kept still holds its callers, and the next generation answers them.
    let then = json!({"seq": [{"wait": "a"}, respond(200, "later")]});
    let kept = host.script(&hooks("a", then));
    let held = send_later(keyed(&kept.hook("a"), "1"));
    wait_for_queued(&kept, 1);
    kept.notify("go", "{}").expect(202);
    assert_eq!(answer(held).expect(200).text(), "later");
}
