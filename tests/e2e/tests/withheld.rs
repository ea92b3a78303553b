//! Requests to the API whose head comes without the body: an answer that the head decides is sent all the same.

use dormouse_e2e::{Answer, Host, raw};
use serde_json::json;

/// A run that there is not.
const NOBODY: &str = "01980000-0000-7000-8000-000000000000";

/// Sends the head of a request, with these lines besides, which promises a body of four bytes.
fn head(host: &Host, method: &str, path: &str, lines: &[&str]) -> raw::Connection {
    let authority = host.authority();
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 4\r\n");
    for line in lines {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    let mut connection = raw::Connection::to(&host.url());
    connection.send(head);
    connection
}

#[track_caller]
fn answer(host: &Host, method: &str, path: &str) -> Answer {
    head(host, method, path, &[]).answer()
}

/// Waits for as long as the host waits for a body before it finds out without it that nobody is there.
#[track_caller]
fn let_it_be_late(host: &Host) {
    let path = format!("/v1/runs/{NOBODY}/events/e");
    answer(host, "POST", &path).expect_problem(404, "unknown-run");
}

#[test]
fn an_unknown_webhook_is_404_without_the_body() {
    let host = Host::start();
    let version = host.deploy("script", "script");
    for action in [
        "cancel", "resume", "pause", "retry", "move", "restart", "events/e",
    ] {
        let path = format!("/v1/runs/{NOBODY}/{action}");
        answer(&host, "POST", &path).expect_problem(404, "unknown-run");
    }
    for (method, path) in [
        ("POST", "runs"),
        ("POST", "pause"),
        ("POST", "resume"),
        ("POST", "check"),
        ("POST", "move"),
        ("PUT", "settings"),
    ] {
        let path = format!("/v1/workflows/none/{path}");
        answer(&host, method, &path).expect_problem(404, "unknown-workflow");
    }
    let other = version.replace(|digit: char| digit != '0', "0");
    let path = format!("/v1/workflows/script/runs?version={other}");
    answer(&host, "POST", &path).expect_problem(404, "unknown-version");
    answer(&host, "PATCH", "/v1/secrets/none").expect_problem(404, "unknown-secret");
    answer(&host, "POST", "/v1/triggers/none/rotate").expect_problem(404, "unknown-trigger");
    answer(&host, "POST", "/v1/nothing").expect_problem(404, "unknown-path");
    let refused = answer(&host, "PATCH", "/v1/workflows/script/runs");
    assert!(refused.header("allow").is_some());
    refused.expect_problem(405, "method-not-allowed");
}

#[test]
fn a_closed_webhook_is_410_without_the_body() {
    let host = Host::start();
    let run = host.script(&json!({"now": true}));
    run.output();
    let event = format!("/v1/runs/{}/events/e", run.id());
    answer(&host, "POST", &event).expect_problem(410, "run-ended");
    let start = "/v1/workflows/script/runs";
    let key = "Idempotency-Key: k";
    let mut first = head(&host, "POST", start, &[key]);
    first.send("null");
    let first = first.answer().expect(202).field("id");
    let deleted = host.request("DELETE", "/v1/workflows/script").send();
    deleted.expect(204);
    answer(&host, "POST", start).expect_problem(410, "workflow-deleted");

    // Its body decides whether this repeats the first start.
    let mut repeat = head(&host, "POST", start, &[key]);
    let_it_be_late(&host);
    repeat.send("null");
    assert_eq!(repeat.answer().expect(200).field("id"), first);
}

#[test]
fn a_client_that_expects_100_is_refused_or_told_to_send() {
    let host = Host::start();
    host.deploy("script", "script");
    let expects = ["Expect: 100-continue"];
    let refused = head(&host, "POST", "/v1/workflows/none/runs", &expects).answer();
    refused.expect_problem(404, "unknown-workflow");
    let mut asking = head(&host, "POST", "/v1/workflows/script/runs", &expects);
    asking.answer().expect(100);
    asking.send("null");
    asking.answer().expect(202);
}

#[test]
fn a_body_that_comes_late_is_read_if_there_is_somebody_for_it() {
    let host = Host::start();
    let run = host.script(&json!({"event": "e"}));
    run.wait_for_steps(&["e"]);
    let mut late = head(
        &host,
        "POST",
        &format!("/v1/runs/{}/events/e", run.id()),
        &[],
    );
    let_it_be_late(&host);
    late.send("late");
    late.answer().expect(202);
    run.output();
}
