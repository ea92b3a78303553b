//! Triggers: fixed URLs that start runs.

use std::collections::BTreeSet;
use std::thread;

use dormouse_e2e::{Answer, Cli, Host, Scheme, now, post, request, sign, wait_until};
use serde_json::{Value, json};

use crate::forms::verifying;

const SECRET: &str = "whsec_QV9NYWRlLVVwLVZhbHVlLTdGM2M5MWQwNGJFMg==";
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// Returns a host with the scripted guest.
fn host() -> Host {
    let host = Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], &[]);
    host.deploy("script", "script");
    host
}

fn put(host: &Host, name: &str, set: &Value) -> Answer {
    let path = format!("/v1/triggers/{name}");
    host.request("PUT", &path).json(set).send()
}

/// Sets a trigger for the scripted guest, with these options besides. Returns its URL.
#[track_caller]
fn set(host: &Host, name: &str, mut options: Value) -> String {
    options["workflow"] = json!("script");
    let answer = put(host, name, &options);
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    answer.field("url")
}

fn show(host: &Host, name: &str) -> Value {
    host.get(&format!("/v1/triggers/{name}")).expect(200).json()
}

fn send(url: &str, script: &Value) -> Answer {
    request("POST", url).json(script).send()
}

/// Sends a script that starts a run. Returns its id.
#[track_caller]
fn start(url: &str, script: &Value) -> String {
    let answer = send(url, script).expect(202);
    let body = answer.json();
    assert_eq!(body["duplicate"], false, "{body}");
    assert_eq!(body["existing"], false, "{body}");
    answer.field("id")
}

#[test]
fn a_request_starts_a_run_that_gets_its_body_and_the_rest_of_it() {
    let mut host = host();
    let url = set(
        &host,
        "orders",
        json!({"labels": {"source": "shop", "order": {"query": "o"}}}),
    );
    let script = json!({"seq": [{"request": true}, {"event": "go"}, {"request": true}]});
    let sent = request("POST", format!("{url}/sub?o=7"))
        .header("authorization", "Bearer x")
        .header("x-more", "as it is");
    let run = host.run(&sent.json(&script).send().expect(202).field("id"));
    run.wait_for_steps(&["go"]);
    let shown = run.show();
    assert_eq!(shown["trigger"], "orders");
    assert_eq!(shown["labels"], json!({"source": "shop", "order": "7"}));
    // It is rebuilt from what is stored.
    host.restart();
    let run = host.run(run.id());
    run.notify("go", "").expect(202);
    let output = run.output();
    let request = &output[0];
    assert_eq!(request["trigger"], "orders");
    assert_eq!(request["method"], "POST");
    assert_eq!(request["url"], format!("{url}/sub?o=7"));
    let names: Vec<&str> = request["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| header[0].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"x-more") && !names.contains(&"authorization"),
        "{names:?}"
    );
    assert_eq!(output[2], *request);
    assert_eq!(host.script(&json!({"request": true})).output(), Value::Null);
}

#[test]
fn a_repeat_of_a_delivery_is_the_same_run_also_after_a_kill() {
    let mut host = host();
    let url = set(&host, "orders", json!({}));
    let keyed = |key: &str| {
        let sent = request("POST", &url).header("idempotency-key", key);
        sent.json(&json!({"event": "go"}))
    };
    let first = keyed("k").send().expect(202).field("id");
    host.kill();
    host.resume();
    let again = keyed("k").send().expect(202).json();
    assert_eq!(again["id"], *first);
    assert_eq!(again["duplicate"], true);
    let other = request("POST", &url).header("idempotency-key", "k");
    other
        .json(&json!({"event": "other"}))
        .send()
        .expect_problem(422, "idempotency-key-reused");
    let second = keyed("l").send().expect(202).field("id");
    assert_ne!(second, first);
    let shown = show(&host, "orders");
    assert_eq!(shown["started"], 2);
    assert_eq!(shown["refused"], json!({"idempotency-key-reused": 1}));
    for run in [&first, &second] {
        host.run(run).wait_for_status("suspended");
    }
    let counts = host.get("/v1/counts").expect(200).json();
    assert_eq!(counts["suspended"], 2, "{counts}");
}

#[test]
fn the_output_of_a_run_is_the_answer() {
    let host = host();
    let url = set(
        &host,
        "quote",
        json!({"reply": {"kind": "output", "within": "60s"}}),
    );
    let answer = send(&url, &json!({"step": "s", "value": {"price": 7}})).expect(200);
    assert_eq!(answer.json(), json!({"price": 7}));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("content-security-policy").is_some());
    let failed = send(
        &url,
        &json!({"fail": {"code": "sold-out", "message": "internal"}}),
    );
    let failed = failed.expect_problem(502, "sold-out");
    assert!(!failed.text().contains("internal"));

    let slow = set(
        &host,
        "slow",
        json!({"reply": {"kind": "output", "within": "1ms"}}),
    );
    let keyed = || {
        let sent = request("POST", &slow).header("idempotency-key", "k");
        sent.json(&json!({"event": "go"}))
    };
    let run = keyed().send().expect(202).field("id");
    let run = host.run(&run);
    run.wait_for_steps(&["go"]);
    run.notify("go", "\"late\"").expect(202);
    run.output();
    let late = keyed().send().expect(200);
    assert!(late.text().contains("ImxhdGUi"), "{}", late.text());
}

#[test]
fn a_blocked_run_answers_with_its_id_and_not_after_the_whole_time() {
    let host = Host::with(&["--reply-wait-limit", "1h", "--when-broken", "block"]);
    host.deploy("script", "script");
    let url = set(
        &host,
        "quote",
        json!({"reply": {"kind": "output", "within": "1h"}}),
    );
    let answer = send(&url, &json!({"trap": "over"})).expect(202);
    let run = host.run(&answer.field("id"));
    assert_eq!(run.status(), "blocked");
}

#[test]
fn a_fixed_reply_is_given_whatever_the_run_does() {
    let host = host();
    let reply = json!({"kind": "fixed", "status": 201, "headers": {"x-a": "b"}, "body": "ok"});
    let url = set(&host, "form", json!({"reply": reply, "methods": ["GET"]}));
    let answer = request("GET", &url).send().expect(201);
    assert_eq!(
        (answer.text().as_str(), answer.header("x-a")),
        ("ok", Some("b"))
    );
    send(&url, &json!({})).expect_problem(405, "method-not-allowed");
    let allowed = request("OPTIONS", &url).send().expect(204);
    assert_eq!(allowed.header("allow"), Some("GET, HEAD, OPTIONS"));
    request("HEAD", &url).send().expect(200);
    assert_eq!(show(&host, "form")["started"], 1);
}

/// Takes an order, then what comes to it until somebody says that it is over.
fn order(id: &str, waits: usize) -> Value {
    json!({"seq": [
        {"log": id},
        {"event": "begin"},
        {"repeat": waits, "do": {"event": "orders"}},
    ]})
}

#[test]
fn requests_with_one_key_reach_one_run_however_many_come_at_once() {
    let host = host();
    let options = json!({"key": {"header": "x-order"}, "on_existing": "event", "unread": "drop"});
    let url = set(&host, "orders", options);
    let (url, count) = (url.as_str(), 24);
    let ids: Vec<Value> = thread::scope(|scope| {
        let sending = (0..count).map(|number| {
            scope.spawn(move || {
                let key = format!("k{}", number % 2);
                let sent = request("POST", url).header("x-order", key);
                sent.json(&order("o", count / 2 - 1))
                    .send()
                    .expect(202)
                    .json()
            })
        });
        let sending: Vec<_> = sending.collect();
        sending
            .into_iter()
            .map(|sent| sent.join().unwrap())
            .collect()
    });
    let started = ids
        .iter()
        .filter(|answer| answer["existing"] == false)
        .count();
    assert_eq!(started, 2, "one for each key");
    let runs: BTreeSet<&str> = ids
        .iter()
        .map(|answer| answer["id"].as_str().unwrap())
        .collect();
    assert_eq!(runs.len(), 2);
    for run in runs {
        let run = host.run(run);
        run.notify("begin", "").expect(202);
        let output = run.output();
        assert_eq!(output[2].as_array().unwrap().len(), count / 2 - 1);
        assert_eq!(run.show()["untaken"], 0);
    }
    let shown = show(&host, "orders");
    assert_eq!(
        (&shown["started"], &shown["existing"]),
        (&json!(2), &json!(22))
    );
}

#[test]
fn a_request_that_a_run_never_took_starts_the_next_run() {
    let host = host();
    let options = json!({"key": {"query": "o"}, "on_existing": "event"});
    let url = set(&host, "orders", options);
    let url = format!("{url}?o=7");
    let first = start(&url, &json!({"event": "end"}));
    let next = json!({"seq": [{"request": true}, {"event": "orders"}]});
    for script in [&next, &json!({"log": "last"})] {
        let answer = send(&url, script).expect(202).json();
        assert_eq!(answer["existing"], true);
        assert_eq!(answer["id"], *first);
    }
    let run = host.run(&first);
    run.notify("end", "").expect(202);
    run.output();
    assert_eq!(run.show()["untaken"], 0);
    let second = wait_until("the next run", || {
        let runs = host.get("/v1/runs").expect(200).json();
        let runs = runs["runs"].as_array().cloned().unwrap_or_default();
        let ids = runs
            .iter()
            .map(|run| run["id"].as_str().unwrap().to_owned());
        ids.into_iter().find(|id| *id != first)
    });
    let output = host.run(&second).output();
    assert_eq!(output[0]["trigger"], "orders");
    assert!(!output[1].is_null(), "it took the rest over: {output}");
}

#[test]
fn a_key_that_is_missing_starts_a_run_or_is_refused() {
    let host = host();
    let key = json!({"json": "/seq/0/log"});
    let url = set(&host, "orders", json!({"key": key}));
    let first = start(&url, &order("7", 0));
    let existing = send(&url, &order("7", 0)).expect(202).json();
    assert_eq!(
        (&existing["id"], &existing["existing"]),
        (&json!(first), &json!(true))
    );
    start(&url, &json!({"log": "no key"}));
    let url = set(
        &host,
        "orders",
        json!({"key": key, "key_missing": "refuse"}),
    );
    let refused = send(&url, &json!({"log": "no key"})).expect_problem(422, "key-missing");
    assert!(
        refused.detail().contains("/seq/0/log"),
        "{}",
        refused.detail()
    );
}

#[test]
fn a_failed_run_keeps_its_key() {
    let host = host();
    let options = json!({"key": {"query": "o"}, "on_existing": "event"});
    let url = format!("{}?o=7", set(&host, "orders", options));
    let failing = json!({"fail": {"code": "c", "message": "m"}});
    let run = host.run(&start(&url, &failing));
    run.failure();
    let refused = send(&url, &json!({"log": "x"})).expect_problem(503, "run-failed");
    assert!(refused.header("retry-after").is_some());
    run.cancel();
    start(&url, &json!({"log": "x"}));
}

#[test]
fn urls_rotate_pause_and_end() {
    let host = host();
    let log = json!({"log": "x"});
    let old = set(&host, "orders", json!({}));
    let rotate = |body: Value| {
        let request = host
            .request("POST", "/v1/triggers/orders/rotate")
            .json(&body);
        request.send().expect(200).json()
    };
    let rotated = rotate(json!({}));
    let new = rotated["url"].as_str().unwrap().to_owned();
    assert_eq!(rotated["earlier_urls"][0]["url"], *old);
    for url in [&old, &new] {
        start(url, &log);
    }
    let newest = rotate(json!({"keep_old": "0s"}));
    assert_eq!(newest["earlier_urls"], Value::Null);
    for url in [&old, &new] {
        send(url, &log).expect_problem(410, "trigger-gone");
    }
    let url = newest["url"].as_str().unwrap();
    host.post("/v1/triggers/orders/pause", "").expect(200);
    let paused = send(url, &log).expect_problem(503, "trigger-paused");
    assert!(paused.header("retry-after").is_some());
    assert_eq!(
        host.post("/v1/triggers/orders/resume", "")
            .expect(200)
            .json()["paused"],
        false
    );
    start(url, &log);
    assert_eq!(
        show(&host, "orders")["refused"],
        json!({"trigger-gone": 2, "trigger-paused": 1})
    );
    host.request("DELETE", "/v1/triggers/orders")
        .send()
        .expect(204);
    send(url, &log).expect_problem(410, "trigger-gone");
    host.get("/v1/triggers/orders")
        .expect_problem(404, "unknown-trigger");
    let again = set(&host, "orders", json!({}));
    assert_ne!(again, url);
    let wrong = format!("{}AAAA", &again[..again.len() - 4]);
    send(&wrong, &log).expect_problem(404, "unknown-webhook");
}

#[test]
fn a_workflow_that_is_paused_or_gone() {
    let host = host();
    let url = set(&host, "orders", json!({}));
    host.post("/v1/workflows/script/pause", "").expect(200);
    let run = host.run(&start(&url, &json!({"log": "x"})));
    assert_eq!(run.show()["paused"], "workflow");
    host.post("/v1/workflows/script/resume", "").expect(200);
    run.output();
    host.request("DELETE", "/v1/workflows/script").send();
    send(&url, &json!({"log": "x"})).expect_problem(410, "trigger-gone");
}

#[test]
fn a_signed_request_starts_a_run_and_an_unsigned_one_is_counted() {
    let host = host();
    host.set_secret("s", SECRET, &verifying());
    let options = json!({"provider": "github", "secrets": ["s"]});
    let url = set(&host, "bot", options);
    let body = json!({"request": true}).to_string();
    let headers = sign(Scheme::Github, SECRET, "msg_1", now(), body.as_bytes());
    let signed = || {
        request("POST", &url)
            .headers(&headers)
            .header("x-github-delivery", "d1")
    };
    let first = signed().body(&body).send().expect(202).field("id");
    let seen = host.run(&first).output()["headers"].to_string();
    assert!(
        seen.contains("x-github-delivery") && !seen.contains("x-hub-signature-256"),
        "{seen}"
    );
    let again = signed().body(&body).send().expect(202).json();
    assert_eq!(
        (&again["id"], &again["duplicate"]),
        (&json!(first), &json!(true))
    );
    post(&url, &body).expect_problem(401, "signature-missing");
    let other = signed().body("{}").send();
    other.expect_problem(401, "signature-wrong");
    let shown = show(&host, "bot");
    assert_eq!(
        shown["refused"],
        json!({"signature-missing": 1, "signature-wrong": 1})
    );
    let metrics = host.get("/metrics").expect(200).text();
    let counted = "dormouse_trigger_requests_total{outcome=\"started\",status=\"202\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn invalid_options_are_refused_by_name() {
    let host = host();
    let check = |set: Value, status, code: &str, part: &str| {
        let refused = put(&host, "t", &set).expect_problem(status, code);
        assert!(refused.detail().contains(part), "{}", refused.detail());
    };
    check(json!({"workflow": "none"}), 404, "unknown-workflow", "none");
    check(
        json!({"workflow": "script", "replay": 1}),
        400,
        "invalid-json",
        "replay",
    );
    check(
        json!({"workflow": "script", "provider": "shop"}),
        422,
        "invalid-trigger",
        "`provider` is \"shop\"",
    );
    let version = "0".repeat(64);
    check(
        json!({"workflow": "script", "version": version}),
        404,
        "unknown-version",
        "version",
    );
    put(&host, "No", &json!({"workflow": "script"})).expect_problem(400, "invalid-trigger-name");
    let rotate = host
        .request("POST", "/v1/triggers/t/rotate")
        .json(&json!({"keep_old": "1x"}));
    rotate.send().expect_problem(400, "invalid-setting");
    host.post("/v1/triggers/t/pause", "")
        .expect_problem(404, "unknown-trigger");
    let names: Vec<String> = (0..3).map(|number| format!("t{number}")).collect();
    for name in &names {
        set(&host, name, json!({}));
    }
    let page = host.get("/v1/triggers?limit=2").expect(200).json();
    assert_eq!(page["triggers"].as_array().unwrap().len(), 2);
    let next = page["next"].as_str().unwrap();
    let page = host
        .get(&format!("/v1/triggers?cursor={next}"))
        .expect(200)
        .json();
    assert_eq!(page["triggers"][0]["name"], *names[2]);
}

#[test]
fn a_page_of_large_triggers_ends_early() {
    let host = host();
    let names: Vec<String> = (0..70).map(|number| format!("t{number:02}")).collect();
    for name in &names {
        let reply = json!({"kind": "fixed", "status": 200, "body": "x".repeat(50_000)});
        set(&host, name, json!({"reply": reply}));
    }
    let (mut found, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let path = format!("/v1/triggers?limit=1000{cursor}");
        let page = host.get(&path).expect(200).json();
        let triggers = page["triggers"].as_array().unwrap();
        let named = triggers.iter().map(|trigger| trigger["name"].clone());
        found.extend(named);
        pages += 1;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(pages > 1, "3.5 MB are one page");
    assert_eq!(found, names);
}

#[test]
fn the_command_line_sets_and_shows_triggers() {
    let host = host();
    let cli = Cli::of(&host);
    let set = cli.run(&[
        "trigger",
        "set",
        "orders",
        "--workflow",
        "script",
        "--key",
        "json:/id",
        "--on-existing",
        "event",
        "--label",
        "source=shop",
        "--reply",
        "output:10s",
    ]);
    let url = set.ok().trim().to_owned();
    start_without_reply(&url);
    let shown = cli.run(&["trigger", "show", "orders"]).ok();
    for part in [
        "json:/id",
        "event",
        "source=shop",
        "within 10s",
        "started      1",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(cli.run(&["trigger", "list"]).ok().contains(&url));
    let rotated = cli
        .run(&["trigger", "rotate", "orders", "--keep-old", "0s"])
        .ok();
    assert_ne!(rotated.trim(), url);
    cli.run(&["trigger", "pause", "orders"]).ok();
    cli.run(&["trigger", "resume", "orders"]).ok();
    cli.run(&["trigger", "delete", "orders"]).ok();
    assert!(cli.run(&["trigger", "list"]).ok().is_empty());
}

fn start_without_reply(url: &str) {
    send(url, &json!({"step": "s", "value": 1})).expect(200);
}
