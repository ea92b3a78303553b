//! Connections from outside: slow, large, malformed, or of another version of HTTP.

use std::time::Duration;

use dormouse_e2e::{Host, Run, body, http2, pause, post, raw, request, wait_until};
use serde_json::{Value, json};

use crate::forms::{go, waits_after_go};

/// Returns a run that takes nothing before `go`, and the URL of its webhook.
fn listening_run(host: &Host, waits: usize) -> (Run, String) {
    let run = host.script(&waits_after_go(waits));
    let hook = run.hook("a");
    (run, hook)
}

/// Returns the bodies that a run got, once it got all it waits for.
#[track_caller]
fn delivered(run: &Run) -> Vec<String> {
    go(run);
    let output = run.output();
    let deliveries = output[2].as_array().unwrap();
    deliveries.iter().map(body).collect()
}

fn queued(run: &Run) -> Value {
    run.webhooks()["webhooks"][0]["queued"].clone()
}

/// Returns the head of a request to this URL, with these lines beside `Host`.
fn head(method: &str, url: &str, lines: &[&str]) -> String {
    let (authority, target) = raw::split(url);
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\n{lines}\r\n")
}

/// Returns a connection to this URL on which these bytes were sent.
fn sent(url: &str, bytes: impl AsRef<[u8]>) -> raw::Connection {
    let mut connection = raw::Connection::to(url);
    connection.send(bytes);
    connection
}

// Slow senders.

#[test]
fn a_body_that_stops_coming_is_answered_408_and_the_connection_ends() {
    let host = Host::with(&["--body-timeout", "500ms"]);
    let (run, hook) = listening_run(&host, 1);
    let event = format!("{}/v1/runs/{}/events/go", host.url(), run.id());
    for url in [&hook, &event] {
        for (line, part) in [
            ("Content-Length: 10", "part"),
            ("Transfer-Encoding: chunked", "4\r\npart\r\n"),
        ] {
            let mut connection = sent(url, head("POST", url, &[line]) + part);
            let answer = connection.answer().expect_problem(408, "request-timeout");
            assert!(answer.detail().contains("`body-timeout`"));
            assert!(connection.ended().is_empty());
        }
    }
    assert_eq!(queued(&run), 0);
    post(&hook, "whole").expect(202);
    assert_eq!(delivered(&run), ["whole"]);
}

#[test]
fn a_sender_of_single_bytes_is_too_slow() {
    let host = Host::with(&["--body-timeout", "500ms"]);
    let (run, hook) = listening_run(&host, 1);
    let mut connection = sent(&hook, head("POST", &hook, &["Content-Length: 100000"]));
    let mut reader = connection.clone();
    std::thread::scope(|scope| {
        let answer = scope.spawn(move || reader.answer());
        wait_until("the end of a slow body", || {
            connection.send("x");
            answer.is_finished().then_some(())
        });
        answer.join().unwrap().expect(408);
    });
    assert_eq!(queued(&run), 0);
}

#[test]
fn a_large_body_has_more_time() {
    let host = Host::with(&["--body-timeout", "300ms"]);
    let (run, hook) = listening_run(&host, 1);
    // Half a MiB is half a minute.
    let half = "x".repeat(512 << 10);
    let length = format!("Content-Length: {}", 2 * half.len());
    let mut connection = sent(&hook, head("POST", &hook, &[&length]) + &half);
    pause(Duration::from_secs(1));
    connection.send(&half);
    connection.answer().expect(202);
    assert_eq!(delivered(&run)[0].len(), 2 * half.len());
}

/// What a client of HTTP/2 says first: the preface, and settings that change nothing (RFC 9113, section 3.4).
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[test]
fn a_connection_that_asks_for_nothing_is_ended() {
    let host = Host::with(&["--head-timeout", "500ms"]);
    let (run, hook) = listening_run(&host, 1);
    let beginning = &head("POST", &hook, &["Content-Length: 4"])[..20];
    for silence in ["", "P", "PRI * HT", beginning] {
        let said = sent(&hook, silence).ended();
        assert!(said.is_empty(), "{silence:?}: {said:?}");
    }
    sent(&hook, HTTP2).ended();
    // The beginning of a request's headers, with the rest promised (RFC 9113, section 6.2).
    sent(&hook, [HTTP2, b"\0\0\x01\x01\0\0\0\0\x01\x82"].concat()).ended();
    assert_eq!(queued(&run), 0);
}

#[test]
fn a_connection_that_is_kept_has_no_longer_for_the_next_head() {
    let host = Host::with(&["--head-timeout", "500ms"]);
    let (_run, hook) = listening_run(&host, 1);
    let whole = head("POST", &hook, &["Content-Length: 0"]);
    let mut connection = sent(&hook, &whole);
    connection.answer().expect(202);
    connection.send(&whole[..20]);
    assert!(connection.ended().is_empty());
}

#[test]
fn a_client_that_does_not_read_answers_is_disconnected() {
    let host = Host::with(&["--head-timeout", "500ms", "--log", "info,dormouse=debug"]);
    let url = format!("{}/healthz", host.url());
    let request = head("GET", &url, &[]);
    // More than all buffers on the way hold, of requests and of answers: this ends when the host gives up.
    sent(&url, request.repeat((64 << 20) / request.len()));
    wait_until("a connection that was cut off", || {
        let log = host.log();
        log.contains("an unused connection was closed")
            .then_some(())
    });
    host.get("/healthz").expect(200);
}

#[test]
fn a_request_at_work_is_not_silence() {
    let host = Host::with(&["--head-timeout", "500ms"]);
    let run = host.script(&json!({"seq": [{"event": "go"}]}));
    let url = format!("{}/v1/runs/{}", host.url(), run.id());
    let mut connection = sent(&url, head("GET", &url, &["Prefer: wait=60"]));
    pause(Duration::from_secs(2));
    go(&run);
    let answer = connection.answer().expect(200);
    assert_eq!(answer.json()["status"], "completed");
}

#[test]
fn connections_beyond_the_limit_wait_for_those_before() {
    let host = Host::with(&["--connections-limit", "1", "--head-timeout", "500ms"]);
    let healthy = format!("{}/healthz", host.url());
    let mut first = raw::Connection::to(&healthy);
    let mut second = sent(&healthy, head("GET", &healthy, &["Connection: close"]));
    assert!(first.ended().is_empty());
    second.answer().expect(200);
    assert!(host.log().contains("`connections-limit`"));
}

#[test]
fn connections_that_say_nothing_leave_their_places_to_others() {
    let host = Host::with(&["--connections-limit", "4", "--head-timeout", "1h"]);
    let healthy = format!("{}/healthz", host.url());
    let mut silent: Vec<_> = (0..4).map(|_| raw::Connection::to(&healthy)).collect();
    let mut busy = sent(&healthy, head("GET", &healthy, &[]));
    busy.answer().expect(200);
    let half = sent(&healthy, "GET /healthz HTTP/1.1\r\n");
    for _ in 0..4 {
        sent(&healthy, head("GET", &healthy, &["Connection: close"]))
            .answer()
            .expect(200);
    }
    assert!(silent.remove(0).ended().is_empty());
    drop((silent, half));
}

// Heads that are too large.

#[test]
fn a_flood_of_headers_is_refused_with_431() {
    let host = Host::start();
    let (run, hook) = listening_run(&host, 1);
    let many: String = (0..101).map(|n| format!("X-{n}: x\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "x".repeat(200 << 10));
    for lines in [many, large] {
        let mut connection = sent(&hook, head("POST", &hook, &["Content-Length: 0"]));
        connection.answer().expect(202);
        connection.send(head("POST", &hook, &[lines.trim_end()]));
        connection.answer().expect(431);
        connection.ended();
    }
    let headers = vec![("x-large", "x".repeat(70 << 10))];
    let answers = http2::exchange(vec![("POST", &hook, headers, Vec::new())]);
    assert_eq!(answers[0].status, 431);
    assert_eq!(queued(&run), 2);
}

// Early refusals.

#[test]
fn a_client_that_expects_100_is_not_told_to_send_a_refused_body() {
    let host = Host::with(&["--body-limit", "1000"]);
    let (run, hook) = listening_run(&host, 1);
    let unknown = format!("{}/hooks/unknown", host.url());
    let upload = format!("{}/v1/workflows/Upper", host.url());
    for (method, url, length, status) in [
        ("POST", &hook, 1_001, 413),
        ("POST", &unknown, 4, 404),
        ("GET", &hook, 4, 405),
        ("PUT", &upload, 4, 400),
    ] {
        let length = format!("Content-Length: {length}");
        let mut connection = sent(url, head(method, url, &["Expect: 100-continue", &length]));
        connection.answer().expect(status);
        let more = connection.ended();
        assert!(more.is_empty(), "{:?}", String::from_utf8_lossy(&more));
    }
    assert_eq!(queued(&run), 0);
}

#[test]
fn a_body_in_chunks_is_cut_off_at_the_limit() {
    let host = Host::with(&["--body-limit", "512"]);
    let (run, hook) = listening_run(&host, 1);
    let head = head("POST", &hook, &["Transfer-Encoding: chunked"]);
    let chunk = format!("100\r\n{}\r\n", "x".repeat(256));
    // It has no end, and is answered before one comes.
    let mut connection = sent(&hook, format!("{head}{chunk}{chunk}1\r\nx\r\n"));
    connection.answer().expect_problem(413, "body-too-large");
    let mut connection = sent(&hook, format!("{head}{chunk}{chunk}0\r\n\r\n"));
    connection.answer().expect(202);
    assert_eq!(queued(&run), 1);
}

// Several requests on one connection.

#[test]
fn a_connection_is_kept_also_after_refusals() {
    let host = Host::with(&["--body-limit", "2000"]);
    let (run, hook) = listening_run(&host, 2);
    let unknown = format!("{}/hooks/unknown", host.url());
    let mut connection = raw::Connection::to(&hook);
    let mut ask = |method: &str, url: &str, body: &str| {
        let length = format!("Content-Length: {}", body.len());
        connection.send(head(method, url, &[&length]) + body);
        connection.answer().status
    };
    assert_eq!(ask("POST", &hook, "first"), 202);
    assert_eq!(ask("GET", &hook, "refused"), 405);
    assert_eq!(ask("POST", &unknown, "refused"), 404);
    assert_eq!(ask("POST", &hook, &"too long".repeat(1_000)), 413);
    assert_eq!(ask("POST", &hook, "second"), 202);
    assert_eq!(delivered(&run), ["first", "second"]);
}

#[test]
fn http2_is_spoken_without_being_asked_for() {
    let host = Host::with(&["--body-limit", "1MiB"]);
    let (run, hook) = listening_run(&host, 2);
    let sub_path = format!("{hook}/sub?q");
    let unknown = format!("{}/hooks/unknown", host.url());
    let large = vec![b'x'; 600 << 10];
    let too_large = large.repeat(2);
    let answers = http2::exchange(vec![
        ("POST", &hook, vec![("x-one", "1".into())], large.clone()),
        ("GET", &hook, vec![], vec![]),
        ("POST", &unknown, vec![], b"body".to_vec()),
        ("POST", &hook, vec![], too_large),
        ("PUT", &sub_path, vec![], b"small".to_vec()),
    ]);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [202, 405, 404, 413, 202]);

    go(&run);
    let output = run.output();
    let mut deliveries: Vec<&Value> = output[2].as_array().unwrap().iter().collect();
    deliveries.sort_by_key(|delivery| delivery["method"].as_str());
    assert_eq!(body(deliveries[0]).len(), large.len());
    assert_eq!(body(deliveries[1]), "small");
    assert_eq!(deliveries[1]["url"], sub_path);
}

/// The smallest memory budget. One webhook may have some 2.6 MiB of it for bodies and answers.
const LITTLE_MEMORY: [&str; 2] = ["--memory-budget", "64MiB"];

#[test]
fn requests_of_http2_whose_bodies_do_not_come_are_within_a_share_of_the_memory() {
    let host = Host::with(&LITTLE_MEMORY);
    let (run, hook) = listening_run(&host, 1);
    // Each takes more than 128 KiB.
    let fields = (0..40).map(|field| (format!("x-{field}"), "v".repeat(1_500)));
    let fields: Vec<_> = fields.collect();
    let statuses = http2::without_bodies(60, (&hook, &fields), 30);
    assert_eq!(statuses, [429; 30]);
    // The connection ended, and the memory is free again.
    wait_until("a request that is taken", || {
        (post(&hook, "body").status == 202).then_some(())
    });
    assert_eq!(delivered(&run), ["body"]);
}

#[test]
fn answers_that_are_not_read_are_within_a_share_of_the_memory() {
    let host = Host::with(&["--memory-budget", "128MiB"]);
    // More than the buffers of a connection hold, whose content counts no longer.
    let answer = "a".repeat(10 << 20);
    let run = host.script(&json!({"seq": [
        {"webhook": "a", "options": {"reply": {"from-workflow": 60_000}}},
        {"webhook": "b"},
        {"wait": "a"},
        {"respond": {"status": 200, "body": answer}},
        {"event": "end"},
    ]}));
    let hook = run.hook("a");
    let (other, lines) = (
        run.hook("b"),
        ["Content-Length: 0", "Idempotency-Key: \"key\""],
    );
    let mut unread = sent(&hook, head("POST", &hook, &lines));
    // The answer is on its way, and only its beginning is read.
    assert_eq!(unread.status(), 200);
    wait_until("an answer that has no room", || {
        let mut connection = sent(&hook, head("POST", &hook, &lines));
        (connection.status() == 429).then_some(())
    });
    post(&other, "body").expect(202);
    drop(unread);
    wait_until("an answer that has room again", || {
        let mut connection = sent(&hook, head("POST", &hook, &lines));
        (connection.status() == 200).then_some(())
    });
}

// Requests of which two readers could think differently where they end (RFC 9112, section 11.2).

#[test]
fn a_request_without_a_clear_end_is_refused_and_the_connection_ends() {
    let host = Host::start();
    let (run, hook) = listening_run(&host, 1);
    let smuggled = head("POST", &hook, &["Content-Length: 0"]);
    for lines in [
        vec!["Content-Length: 4", "Content-Length: 5"],
        vec!["Content-Length: 4, 5"],
        vec!["Content-Length: +4"],
        vec!["Content-Length: -4"],
        vec!["Content-Length: 4x"],
        vec!["Content-Length: 99999999999999999999"],
        vec!["Content-Length : 4"],
        vec!["Transfer-Encoding: chunked, identity"],
        vec!["Transfer-Encoding: xchunked"],
        vec!["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        vec!["X-Folded: a", " b"],
        vec!["No colon"],
    ] {
        let mut connection = sent(&hook, head("POST", &hook, &lines) + "body" + &smuggled);
        let refused = connection.answer();
        assert_eq!(refused.status, 400, "{lines:?}");
        let more = connection.ended();
        assert!(more.is_empty(), "{lines:?}: {more:?}");
    }
    assert_eq!(queued(&run), 0);
}

#[test]
fn chunks_that_are_none_are_refused_and_the_connection_ends() {
    let host = Host::start();
    let (run, hook) = listening_run(&host, 1);
    let smuggled = head("POST", &hook, &["Content-Length: 0"]);
    for chunks in [
        "x\r\nbody\r\n0\r\n\r\n",
        "-4\r\nbody\r\n0\r\n\r\n",
        "0x4\r\nbody\r\n0\r\n\r\n",
        "\r\nbody\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nbody\r\n0\r\n\r\n",
        "3\r\nbody\r\n0\r\n\r\n",
        "4\nbody\n0\n\n",
    ] {
        let head = head("POST", &hook, &["Transfer-Encoding: chunked"]);
        let mut connection = sent(&hook, head + chunks + &smuggled);
        connection.answer().expect_problem(400, "incomplete-body");
        let more = connection.ended();
        assert!(more.is_empty(), "{chunks:?}: {more:?}");
    }
    assert_eq!(queued(&run), 0);
}

#[test]
fn with_a_length_and_chunks_the_chunks_count_and_the_connection_ends() {
    let host = Host::start();
    let (run, hook) = listening_run(&host, 2);
    let smuggled = head("POST", &hook, &["Content-Length: 0"]);
    for lines in [
        ["Content-Length: 3", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 3"],
    ] {
        let bytes = head("POST", &hook, &lines) + "4\r\nbody\r\n0\r\n\r\n" + &smuggled;
        let mut connection = sent(&hook, bytes);
        connection.answer().expect(202);
        assert!(connection.ended().is_empty());
    }
    assert_eq!(queued(&run), 2);
    assert_eq!(delivered(&run), ["body", "body"]);
}

// A second listener.

#[test]
fn an_address_for_webhooks_alone_serves_nothing_else() {
    let host = Host::with_token("s3cret", &["--hooks-listen", "127.0.0.1:0"]);
    let (run, hook) = listening_run(&host, 2);
    let (authority, path) = raw::split(&hook);
    assert_ne!(authority, host.authority(), "the public URL is that of it");
    assert!(host.log().contains(&format!("address={authority}")));

    for path in [
        "/",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/v1/runs",
        "/hooks",
        "/hooks/",
    ] {
        let url = format!("http://{authority}{path}");
        for method in ["GET", "POST"] {
            let asked = request(method, &url).header("authorization", "Bearer s3cret");
            asked.send().expect_problem(404, "unknown-path");
        }
    }
    let unknown = format!("http://{authority}/hooks/unknown");
    post(unknown, "").expect_problem(404, "unknown-webhook");

    post(&hook, "by the one").expect(202);
    post(format!("{}{path}", host.url()), "by the other").expect(202);
    assert_eq!(delivered(&run), ["by the one", "by the other"]);
}

#[test]
fn a_workflow_reaches_webhooks_by_that_address_and_nothing_else() {
    let host = Host::with(&["--allow-private-egress", "--hooks-listen", "127.0.0.1:0"]);
    let (run, hook) = listening_run(&host, 1);
    let (authority, _) = raw::split(&hook);
    let call = |url: &str| json!({"call": {"method": "POST", "url": url, "attempts": 1}});
    let calling = host.script(&json!({"seq": [
        call(&format!("http://{authority}/v1/runs")),
        call(&format!("http://{authority}/")),
        call(&format!("{}/v1/runs", host.url())),
        call(&hook),
    ]}));
    let output = calling.output();
    for denied in 0..3 {
        assert_eq!(output[denied], json!({"error": "denied"}));
    }
    assert_eq!(output[3]["status"], 202);
    delivered(&run);
}

#[test]
fn both_addresses_are_left_in_good_order() {
    let mut host = Host::with(&["--hooks-listen", "127.0.0.1:0"]);
    let (_run, hook) = listening_run(&host, 1);
    let whole = head("POST", &hook, &["Content-Length: 0"]);
    let mut kept = sent(&hook, &whole);
    kept.answer().expect(202);
    // A request at work: its body is waited for.
    let lines = ["Expect: 100-continue", "Content-Length: 4"];
    let mut open = sent(&hook, head("POST", &hook, &lines));
    open.answer().expect(100);
    let stopping = std::thread::spawn(move || {
        let status = host.stop();
        (host, status)
    });
    assert!(kept.ended().is_empty());
    open.send("body");
    let status = open.answer().status;
    assert!(matches!(status, 202 | 503), "{status}");
    assert!(open.ended().is_empty());
    let (host, status) = stopping.join().unwrap();
    assert!(status.success(), "{}", host.log());
    assert!(!host.log().contains("cut off"), "{}", host.log());
}
