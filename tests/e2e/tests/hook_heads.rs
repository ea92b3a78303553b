//! Decisions by the head of a request, before its body has come: heads that can be read in more than one way, and
//! requests that are refused whatever their bodies are.
//!
//! If a refusal must come before the body, the test never sends the body: a host that waited for it would not answer.

use std::fmt::Write as _;

use dormouse_e2e::{Answer, Host, Run, http2, post, raw, wait_until};
use serde_json::json;

use crate::forms::{go, waits_after_go};

/// Returns a run that takes nothing before `go`, and the URL of its webhook.
fn listening_run(host: &Host) -> (Run, String) {
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    (run, hook)
}

/// Sends these bytes on a connection of their own.
fn sent(url: &str, bytes: impl AsRef<[u8]>) -> raw::Connection {
    let mut connection = raw::Connection::to(url);
    connection.send(bytes);
    connection
}

/// Sends the head of a POST to this URL with these lines beside `Host`, which promise a body, and no body.
fn head_alone(url: &str, lines: &[&str]) -> raw::Connection {
    let (authority, target) = raw::split(url);
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let head =
        format!("POST {target} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 4\r\n{lines}\r\n");
    sent(url, head)
}

/// Returns how many heads were refused for this reason.
fn refused_heads(host: &Host, reason: &str) -> u64 {
    let metrics = host.get("/metrics").expect(200).text();
    let series = format!("dormouse_heads_refused_total{{reason=\"{reason}\"}} ");
    let count = metrics.lines().find_map(|line| line.strip_prefix(&series));
    count.map_or(0, |count| count.parse().unwrap())
}

// One request, one reading.

/// Sends a request line and lines, a body in chunks, and a request behind it. Returns the answer, after which the connection
/// must end.
#[track_caller]
fn only_answer(url: &str, request_line: &str, lines: &[&str]) -> Answer {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let (authority, target) = raw::split(url);
    let smuggled =
        format!("POST {target} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\n\r\n");
    let body = "4\r\nbody\r\n0\r\n\r\n";
    let mut connection = sent(
        url,
        format!("{request_line}\r\n{lines}Transfer-Encoding: chunked\r\n\r\n{body}{smuggled}"),
    );
    let answer = connection.answer();
    let more = connection.ended();
    assert!(more.is_empty(), "{request_line} {lines}: {more:?}");
    answer
}

#[test]
fn a_host_that_is_not_named_once_and_alike_is_refused_and_the_connection_ends() {
    let host = Host::start();
    let (run, hook) = listening_run(&host);
    let (authority, target) = raw::split(&hook);
    let own = format!("Host: {authority}");
    let post = format!("POST {target} HTTP/1.1");
    for lines in [
        &[][..],
        &["Host:"],
        &["Host: a b"],
        &["Host: user@a.example"],
        &["Host: a.example:x"],
        &[own.as_str(), own.as_str()],
        &[own.as_str(), "Host: other.example"],
    ] {
        only_answer(&hook, &post, lines).expect_problem(400, "invalid-host");
    }
    let elsewhere = format!("POST http://other.example{target} HTTP/1.1");
    only_answer(&hook, &elsewhere, &[&own]).expect_problem(400, "invalid-host");
    let other_scheme = format!("POST ftp://{authority}{target} HTTP/1.1");
    only_answer(&hook, &other_scheme, &[&own]).expect_problem(400, "invalid-target");
    let get = "GET /v1/runs HTTP/1.1";
    only_answer(&hook, get, &[]).expect_problem(400, "invalid-host");
    assert_eq!(run.queued(), 0);
    assert_eq!(refused_heads(&host, "invalid-host"), 9);

    // What names it in the target as well, and what is as old as HTTP/1.0, is taken.
    let whole = format!("POST {hook} HTTP/1.1\r\n{own}\r\nContent-Length: 0\r\n\r\n");
    sent(&hook, whole).answer().expect(202);
    let old = format!("POST {target} HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    sent(&hook, old).answer().expect(202);
    assert_eq!(run.queued(), 2);
}

#[test]
fn a_body_that_is_encoded_is_not_taken_for_one_that_is_not() {
    let host = Host::start();
    let (run, hook) = listening_run(&host);
    let (authority, target) = raw::split(&hook);
    for lines in [
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: \"chunked\", chunked",
        "Content-Length: 4\r\nTransfer-Encoding: gzip, chunked",
    ] {
        let head = format!("POST {target} HTTP/1.1\r\nHost: {authority}\r\n");
        let smuggled = format!("{head}Content-Length: 0\r\n\r\n");
        let chunks = "4\r\nbody\r\n0\r\n\r\n";
        let mut connection = sent(&hook, format!("{head}{lines}\r\n\r\n{chunks}{smuggled}"));
        let answer = connection.answer();
        answer.expect_problem(501, "unsupported-transfer-encoding");
        let more = connection.ended();
        assert!(more.is_empty(), "{lines}: {more:?}");
    }
    assert_eq!(run.queued(), 0);
}

#[test]
fn tunnels_are_not_opened() {
    let host = Host::start();
    let authority = host.authority();
    let connect = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    let mut connection = sent(&host.url(), connect);
    let answer = connection.answer();
    answer.expect_problem(501, "method-not-implemented");
    assert!(connection.ended().is_empty());
}

#[test]
fn the_number_of_fields_is_a_limit_and_what_the_library_refuses_is_counted() {
    let host = Host::with(&["--header-fields-limit", "10"]);
    let (run, hook) = listening_run(&host);
    let (authority, target) = raw::split(&hook);
    // `Host` and `Content-Length` are two of them.
    let with = |fields: usize| {
        let mut lines = String::new();
        for number in 2..fields {
            write!(lines, "X-{number}: x\r\n").unwrap();
        }
        let head = format!("POST {target} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\n");
        sent(&hook, format!("{head}{lines}\r\n"))
    };
    with(10).answer().expect(202);
    for fields in [11, 20] {
        let mut connection = with(fields);
        let answer = connection.answer();
        let refused = answer.expect_problem(431, "too-many-header-fields");
        assert!(refused.detail().contains("`header-fields-limit`"));
        assert!(connection.ended().is_empty());
    }
    let mut connection = with(21);
    assert!(connection.answer().expect(431).body.is_empty());
    connection.ended();
    wait_until("the library's refusal to be counted", || {
        (refused_heads(&host, "unread-too-large") == 1).then_some(())
    });
    assert_eq!(refused_heads(&host, "too-many-header-fields"), 2);

    let fields: Vec<String> = (0..11).map(|number| format!("x-{number}")).collect();
    let fields = fields.iter().map(|name| (name.as_str(), "x".to_owned()));
    let answers = http2::exchange(vec![("POST", &hook, fields.collect(), Vec::new())]);
    let refused = answers.into_iter().next().unwrap();
    refused.expect_problem(431, "too-many-header-fields");
    assert_eq!(run.queued(), 1);
}

#[test]
fn over_http2_the_host_is_the_one_in_the_target() {
    let host = Host::start();
    let (run, hook) = listening_run(&host);
    let other = vec![("host", "other.example".to_owned())];
    let same = vec![("host", host.authority())];
    let answers = http2::exchange(vec![
        ("POST", &hook, other, Vec::new()),
        ("POST", &hook, same, Vec::new()),
    ]);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [400, 202]);
    assert_eq!(run.queued(), 1);
}

// Refused before the body.

const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

#[test]
fn a_closed_webhook_is_410_before_the_body_and_the_signature_are_checked() {
    let host = Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], &[]);
    let uses = json!([{"workflow": "script", "verify": true}]);
    host.set_secret("s", "a secret", &uses);
    let signature = json!({"scheme": "github", "secrets": ["s"]});
    let signed = json!({"webhook": "a", "options": {"signature": signature}});
    for webhook in [json!({"webhook": "a"}), signed] {
        let ended = host.script(&json!({"seq": [webhook, {"event": "go"}]}));
        ended.cancel().expect(200);
        let closed = host.script(&json!({"seq": [webhook, {"close": "a"}, {"event": "go"}]}));
        closed.wait_for_steps(&["go"]);
        for run in [ended, closed] {
            for lines in [
                &[][..],
                &["Idempotency-Key: unknown"],
                &["Idempotency-Key: "],
            ] {
                let answer = head_alone(&run.hook("a"), lines).answer();
                answer.expect_problem(410, "webhook-gone");
            }
        }
    }
}

#[test]
fn a_repeat_is_known_after_the_end_though_its_body_is_yet_to_come() {
    let host = Host::start();
    let (run, hook) = listening_run(&host);
    let key = ["Idempotency-Key: k"];
    let answer = |body: &str| {
        let mut connection = head_alone(&hook, &key);
        connection.send(body);
        connection.answer()
    };
    let first = answer("paid").expect(202).field("id");
    run.cancel().expect(200);
    let again = answer("paid").expect(202).json();
    assert_eq!(again, json!({"id": first, "duplicate": true}));
    answer("else").expect_problem(422, "idempotency-key-reused");
    assert_eq!(run.show()["untaken"], 1);
}

#[test]
fn a_signature_that_cannot_be_one_is_refused_before_the_body() {
    let host = Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], &[]);
    let uses = json!([{"workflow": "script", "verify": true}]);
    host.set_secret("s", "a secret", &uses);
    let signature = json!({"scheme": "github", "secrets": ["s"]});
    let run = host.script(&json!({"seq": [
        {"webhook": "a", "options": {"signature": signature}}, {"event": "go"},
    ]}));
    let hook = run.hook("a");
    let refused = |lines: &[&str], code| {
        head_alone(&hook, lines).answer().expect_problem(401, code);
    };
    refused(&[], "signature-missing");
    refused(&["X-Hub-Signature-256: sha256=x"], "signature-malformed");
    let good = format!("X-Hub-Signature-256: sha256={}", "0".repeat(64));
    refused(&[&good, &good], "signature-malformed");
    let mut connection = head_alone(&hook, &[&good]);
    connection.send("body");
    let answer = connection.answer();
    answer.expect_problem(401, "signature-wrong");
}

#[test]
fn a_request_over_the_rate_or_without_room_is_refused_before_the_body() {
    let host = Host::with(&["--webhook-rate-limit", "1", "--body-timeout", "300ms"]);
    let (_, hook) = listening_run(&host);
    wait_until("a head that comes too fast", || {
        post(&hook, "x");
        // On a slow machine it may come late enough to be let in, and its body is waited for.
        let status = head_alone(&hook, &[]).answer().status;
        assert!(matches!(status, 408 | 429), "{status}");
        (status == 429).then_some(())
    });

    let host = Host::with(&["--inbox-limit", "1"]);
    let (run, hook) = listening_run(&host);
    post(&hook, "first").expect(202);
    let refused = || head_alone(&hook, &[]).answer();
    refused().expect_problem(429, "inbox-full");
    go(&run);
    run.output();
    refused().expect_problem(410, "webhook-gone");
}

#[test]
fn a_flood_of_refusals_is_a_few_lines_in_the_log() {
    let host = Host::start();
    let (run, hook) = listening_run(&host);
    run.cancel().expect(200);
    for _ in 0..100 {
        post(&hook, "").expect_problem(410, "webhook-gone");
    }
    assert_eq!(host.hook_answers("webhook-gone"), 100);
    // Twenty a minute. The log is written by a thread of its own.
    let lines = wait_until("the first twenty refusals are in the log", || {
        let log = host.log();
        let lines = log
            .lines()
            .filter(|line| line.contains("was refused"))
            .count();
        (lines >= 20).then_some(lines)
    });
    assert!(lines < 100, "{lines}");
}
