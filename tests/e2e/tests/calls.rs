//! `call`: the request that is sent, the response, and the times at which the request is sent
//! again.

use std::time::Duration;

use dormouse_e2e::{
    Cli, Host, Reply, Service, body, bytes, json_body, pause, wait_until, with_enough_time,
};
use serde_json::{Value, json};

#[test]
fn a_call_sends_what_the_workflow_says() {
    let service = Service::start(|_| Reply::status(201).body("made"));
    let host = Host::start();
    let run = host.script(&json!({"call": {
        "method": "PUT",
        "url": format!("{}/orders/1?x=%41", service.url()),
        "headers": [["X-Repeat", "one"], ["X-Repeat", "two"], ["Content-Type", "text/plain"]],
        "body": "42 pieces",
    }}));
    let output = run.output();
    assert_eq!(
        (&output["status"], body(&output)),
        (&json!(201), "made".into())
    );

    let requests = service.requests();
    assert_eq!(requests.len(), 1);
    let sent = &requests[0];
    assert_eq!(
        (sent.method.as_str(), sent.target.as_str()),
        ("PUT", "/orders/1?x=%41")
    );
    assert_eq!(sent.body, b"42 pieces");
    assert_eq!(sent.header("content-type"), Some("text/plain"));
    let repeated = sent
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("x-repeat"));
    assert_eq!(
        repeated
            .map(|(_, value)| value.as_str())
            .collect::<Vec<_>>(),
        ["one", "two"]
    );
    assert!(sent.header("idempotency-key").is_some());
}

#[test]
fn binary_responses_arrive_byte_for_byte() {
    let binary: Vec<u8> = (0..=255).cycle().take(50_000).collect();
    let sent = binary.clone();
    let service = Service::start(move |_| Reply::status(200).body(&sent));
    let host = Host::start();
    let output = host
        .script(&json!({"call": {"url": service.url()}}))
        .output();
    assert_eq!(bytes(&output["body"]), binary);
}

#[test]
fn a_call_is_sent_again_until_it_succeeds_under_one_key() {
    let service = Service::answering(&[503, 500, 200]);
    let host = Host::start();
    let call =
        json!({"call": {"method": "POST", "url": service.url(), "body": "x", "delay_ms": 10}});
    let output = host.script(&json!({"seq": [&call, &call]})).output();
    assert_eq!(output[0]["status"], 200);

    let requests = service.requests();
    assert_eq!(
        requests.len(),
        4,
        "three for the first call, one for the second"
    );
    let keys: Vec<_> = requests
        .iter()
        .map(|request| request.header("idempotency-key").unwrap())
        .collect();
    assert_eq!((keys[0], keys[0]), (keys[1], keys[2]));
    assert_ne!(keys[0], keys[3]);
    assert!(requests.iter().all(|request| request.body == b"x"));
}

#[test]
fn the_workflows_own_key_is_sent() {
    let service = Service::answering(&[503, 200]);
    let host = Host::start();
    let run = host.script(&json!({"call": {
        "url": service.url(), "delay_ms": 10, "idempotency_key": "order-1",
    }}));
    assert_eq!(run.output()["status"], 200);
    let requests = service.requests();
    assert_eq!(requests.len(), 2);
    assert!(
        requests
            .iter()
            .all(|request| request.header("idempotency-key") == Some("order-1"))
    );
}

#[test]
fn the_last_response_is_the_result_when_the_attempts_are_used_up() {
    let service = Service::start(|request| Reply::status(503).body(format!("{}", request.number)));
    let host = Host::start();
    let run = host.script(&json!({"call": {"url": service.url(), "attempts": 3, "delay_ms": 10}}));
    let output = run.output();
    assert_eq!(
        (&output["status"], body(&output)),
        (&json!(503), "2".into())
    );
    assert_eq!(service.requests().len(), 3);
}

#[test]
fn the_status_decides_whether_a_call_is_sent_again() {
    let service = Service::start(|request| Reply::status(request.target[1..].parse().unwrap()));
    let again = [408, 425, 429, 500, 502, 503, 504];
    let at_once = [
        200, 204, 304, 400, 401, 403, 404, 409, 410, 418, 422, 501, 505,
    ];
    let host = Host::start();
    let call = |status: &u16| {
        let url = format!("{}/{status}", service.url());
        // A delay of 0 would be as good; one of 500 ms, the default, is not waited for.
        json!({"call": {"url": url, "attempts": 2, "delay_ms": 1, "redirects": 0}})
    };
    let calls: Vec<Value> = again.iter().chain(&at_once).map(call).collect();
    let output = host.script(&json!({"join": calls})).output();
    let statuses: Vec<_> = output
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["status"])
        .collect();
    assert_eq!(json!(statuses), json!([&again[..], &at_once[..]].concat()));

    let requests = service.requests();
    let sent = |status: &u16| {
        requests
            .iter()
            .filter(|request| request.target == format!("/{status}"))
            .count()
    };
    assert_eq!(again.map(|status| sent(&status)), [2; 7]);
    assert_eq!(at_once.map(|status| sent(&status)), [1; 13]);
}

#[test]
fn retry_after_takes_the_place_of_a_shorter_delay() {
    let service = Service::start(|request| match request.number {
        0 => Reply::status(429).header("Retry-After", "2"),
        _ => Reply::status(200),
    });
    let host = Host::start();
    let run = host.script(&json!({"call": {"url": service.url(), "delay_ms": 1}}));
    assert_eq!(run.output()["status"], 200);
    let requests = service.requests();
    let between = requests[1].since.after(requests[0].since);
    assert!(between >= Duration::from_millis(1_990), "{between:?}");
}

#[test]
fn a_response_that_asks_for_more_time_than_there_is_is_the_result() {
    let service = Service::start(|_| Reply::status(429).header("Retry-After", "86401"));
    let host = Host::start();
    // Without a bound of its own, a call has a day.
    let bounded = json!({"call": {"url": service.url(), "give_up_after_ms": 3_600_000}});
    let call = json!({"call": {"url": service.url()}});
    let output = host.script(&json!({"seq": [bounded, call]})).output();
    assert_eq!(
        (&output[0]["status"], &output[1]["status"]),
        (&json!(429), &json!(429))
    );
    assert_eq!(service.requests().len(), 2);
}

#[test]
fn a_call_is_given_up_when_its_time_is_over() {
    let host = Host::start();
    let service = Service::answering(&[503]);
    let call = json!({"call": {"url": service.url(), "give_up_after_ms": 500, "delay_ms": 1}});
    let run = host.script(&call);
    assert_eq!(run.output()["status"], 503);
    let bounds = &run.journal()["activations"][0]["operations"][0];
    assert_eq!(bounds["attempts"], Value::Null);
    assert_eq!(bounds["give_up_after_ms"], 500);
}

#[test]
fn a_status_that_is_made_an_error_fails_the_run_and_names_the_call() {
    let service = Service::start(|request| Reply::status(request.target[1..4].parse().unwrap()));
    let host = Host::start();
    let call = |path: &str| {
        let url = format!("{}{path}", service.url());
        json!({"call": {"url": url, "redirects": 0, "error_for_status": true}, "as": "ask"})
    };
    let (code, message) = host.script(&call("/404?key=1")).failure();
    assert_eq!(code, "http-status");
    let expected = format!(
        "call `ask` (GET {}/404) was answered with status 404",
        service.url()
    );
    assert_eq!(message, expected);
    assert_eq!(host.script(&call("/304")).output()["status"], 304);
}

#[test]
fn no_response_is_a_reason_to_send_again_and_in_the_end_an_error() {
    let service = Service::start(|request| match request.target.as_str() {
        "/works-later" if request.number > 0 => Reply::status(200),
        _ => Reply::HangUp,
    });
    let host = Host::start();
    let call = |path: &str| json!({"call": {"url": format!("{}{path}", service.url()), "attempts": 2, "delay_ms": 1}});
    let output = host
        .script(&json!({"seq": [call("/works-later"), call("/never")]}))
        .output();
    assert_eq!(output[0]["status"], 200);
    assert_eq!(output[1], json!({"error": "unreachable"}));
    assert_eq!(service.requests().len(), 4);
}

#[test]
fn an_attempt_that_takes_too_long_counts_as_one() {
    let service = Service::start(|_| Reply::Hang);
    let host = Host::start();
    let run = host.script(&json!({"call": {
        "url": service.url(), "attempts": 2, "delay_ms": 1, "timeout_ms": 1_000,
    }}));
    assert_eq!(run.output(), json!({"error": "timed-out"}));
    assert_eq!(service.wait_for(2).len(), 2);
}

#[test]
fn redirects_are_followed_as_often_as_the_workflow_says() {
    let service = Service::start(|request| match request.target.as_str() {
        "/old" => Reply::status(307).header("Location", "/new"),
        _ => Reply::status(200).body(&request.body),
    });
    let host = Host::start();
    let call = |redirects: u32| {
        let url = format!("{}/old", service.url());
        json!({"call": {"method": "POST", "url": url, "body": {"n": 1}, "redirects": redirects}})
    };
    let output = host.script(&json!({"seq": [call(1), call(0)]})).output();
    assert_eq!(
        (&output[0]["status"], json_body(&output[0])),
        (&json!(200), json!({"n": 1}))
    );
    assert_eq!(output[1]["status"], 307);
}

#[test]
fn a_response_over_the_limit_is_an_error() {
    let service = Service::start(|_| Reply::status(200).body([b'x'; 100_001]));
    let host = Host::with(&["--allow-private-egress", "--body-limit", "100000"]);
    let run = host.script(&json!({"call": {"url": service.url()}}));
    assert_eq!(run.output(), json!({"error": "too-large"}));
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn a_request_that_cannot_be_sent_is_an_error_at_once() {
    let host = Host::start();
    let call = |url: &str| json!({"call": {"url": url}});
    let urls = ["ftp://127.0.0.1/", "no url", "http://"];
    let output = host.script(&json!({"join": urls.map(call)})).output();
    assert_eq!(
        output,
        json!([{"error": "invalid"}, {"error": "invalid"}, {"error": "invalid"}])
    );
}

#[test]
fn a_call_that_lost_a_race_is_not_sent_again() {
    let host = Host::start();
    with_enough_time("a race before the next attempt", 1_000, |delay| {
        let service = Service::answering(&[503]);
        let run = host.script(&json!({"seq": [
            {"race": [{"call": {"url": service.url(), "delay_ms": delay}}, {"event": "enough"}]},
            {"event": "end"},
        ]}));
        let first = service.wait_for(1)[0].since;
        run.notify("enough", "").expect(202);
        run.wait_for_steps(&["end"]);
        if first.elapsed() >= Duration::from_millis(delay / 2) {
            return None;
        }
        // The next attempt would be made by then.
        pause(Duration::from_millis(delay + 500));
        run.notify("end", "").expect(202);
        assert_eq!(run.output()[0][0], "lost");
        assert_eq!(service.requests().len(), 1);
        Some(())
    });
}

#[test]
fn the_body_of_a_call_is_shown_until_the_call_has_a_result() {
    // The first call has a result at once, and the second waits for the next attempt.
    let service = Service::start(|request| match request.target.as_str() {
        "/first" => Reply::status(200),
        _ => Reply::status(503).header("retry-after", "3600"),
    });
    let host = Host::start();
    let large = "é".repeat(20_000);
    let run = host.script(&json!({"seq": [
        {"call": {"method": "POST", "url": format!("{}/first", service.url()), "body": "1"}},
        {"call": {"method": "POST", "url": format!("{}/second", service.url()), "body": large,
            "headers": [["Content-Type", "text/plain; charset=utf-8"], ["X-Key", "nobody is to see it"]]}, "as": "job"},
    ]}));
    let cli = Cli::of(&host);
    wait_until("the first attempt is listed", || {
        let listed = cli.run(&["calls", run.id()]).ok();
        (listed.contains("job") && listed.contains("503")).then_some(())
    });
    let path = |operation: &str| format!("/v1/runs/{}/calls/{operation}/request", run.id());
    let call = run.show()["waiting"][0]["operation"].to_string();
    let shown = host.get(&path(&call)).expect(200);
    assert_eq!(
        shown.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
    let policy = shown.header("content-security-policy").unwrap();
    assert!(policy.contains("sandbox"), "{policy}");
    assert_eq!(shown.header("x-key"), None);
    assert_eq!(shown.text(), large);

    assert_eq!(cli.run(&["calls", run.id(), &call]).ok(), large);

    host.get(&path("0")).expect_problem(404, "request-not-kept");
    host.get(&path("99"))
        .expect_problem(404, "request-not-kept");
    host.get(&path("x"))
        .expect_problem(400, "invalid-operation");
    let unknown = "/v1/runs/0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6/calls/0/request";
    host.get(unknown).expect_problem(404, "unknown-run");
    run.cancel().expect(200);
    host.get(&path(&call))
        .expect_problem(404, "request-not-kept");
}
