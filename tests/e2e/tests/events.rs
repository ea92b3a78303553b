//! Events: to all waits, or to one run, which keeps them.

use dormouse_e2e::{Host, Run, body, json_body, request};
use serde_json::{Value, json};

use crate::forms::go;

#[track_caller]
fn broadcast(host: &Host, event: &str, text: &str) -> Vec<String> {
    let answer = host
        .post(&format!("/v1/events/{event}"), text)
        .expect(200)
        .json();
    let mut runs: Vec<String> = answer["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run.as_str().unwrap().to_owned())
        .collect();
    runs.sort();
    runs
}

fn ids<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<String> {
    let mut ids: Vec<String> = runs.into_iter().map(|run| run.id().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn an_event_reaches_all_who_wait_for_it_once() {
    let host = Host::start();
    let script = json!({"seq": [{"event": "price"}, {"event": "price", "ms": 300, "as": "again"}]});
    let runs = [0, 1, 2].map(|_| host.script(&script));
    let other = host.script(&json!({"event": "weather"}));
    for run in &runs {
        run.wait_for_steps(&["price"]);
    }
    other.wait_for_steps(&["weather"]);
    assert_eq!(broadcast(&host, "price", "42"), ids(&runs));
    for run in &runs {
        let output = run.output();
        assert_eq!((body(&output[0]), &output[1]), ("42".into(), &Value::Null));
    }
    assert_eq!(other.status(), "suspended");
}

#[test]
fn a_run_with_two_waits_gets_the_event_in_both() {
    let host = Host::start();
    let run =
        host.script(&json!({"join": [{"event": "e", "as": "one"}, {"event": "e", "as": "two"}]}));
    run.wait_for_steps(&["one", "two"]);
    assert_eq!(broadcast(&host, "e", "x"), ids([&run]));
    let output = run.output();
    assert_eq!(
        (body(&output[0]), body(&output[1])),
        ("x".into(), "x".into())
    );
}

#[test]
fn an_event_to_all_is_not_kept() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [{"event": "go"}, {"event": "news", "ms": 200}]}));
    run.wait_for_steps(&["go"]);
    assert_eq!(broadcast(&host, "news", "old"), ids([]));
    go(&run);
    assert_eq!(run.output()[1], Value::Null);
}

#[test]
fn an_event_to_one_run_is_kept_in_order() {
    let mut host = Host::start();
    let run =
        host.script(&json!({"seq": [{"event": "go"}, {"repeat": 3, "do": {"event": "order"}}]}));
    let other = host.script(&json!({"event": "order", "ms": 600_000}));
    run.wait_for_steps(&["go"]);
    other.wait_for_steps(&["order"]);
    for order in ["1", "2", "3"] {
        run.notify("order", order).expect(202);
    }
    host.restart();
    go(&run);
    let orders: Vec<_> = run.output()[1]
        .as_array()
        .unwrap()
        .iter()
        .map(body)
        .collect();
    assert_eq!(orders, ["1", "2", "3"]);
    assert_eq!(other.status(), "suspended");
}

#[test]
fn an_event_carries_bytes_and_their_media_type() {
    let host = Host::start();
    let run = host.script(&json!({"event": "picture"}));
    run.wait_for_steps(&["picture"]);
    let send = request("POST", format!("{}/v1/events/picture", host.url()))
        .header("content-type", "image/png");
    send.body(b"\x89PNG\xff\0").send().expect(200);
    let output = run.output();
    assert_eq!(output["content_type"], "image/png");
    assert_eq!(dormouse_e2e::bytes(&output["body"]), b"\x89PNG\xff\0");
}

#[test]
fn an_events_name_is_any_text_that_is_not_too_long() {
    let host = Host::start();
    let run = host.script(&json!({"event": "order/42 \u{1f42d}"}));
    run.wait_for_steps(&["order/42 \u{1f42d}"]);
    assert_eq!(
        broadcast(&host, "order%2F42%20%F0%9F%90%AD", "x"),
        ids([&run])
    );
    run.output();
    let long = "e".repeat(257);
    let refused = host
        .post(&format!("/v1/events/{long}"), "")
        .expect_problem(400, "invalid-event-name");
    assert!(
        refused.detail().contains("`step-name-limit`"),
        "{}",
        refused.detail()
    );
}

#[test]
fn a_wait_for_an_event_ends_with_none_when_its_time_is_up() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [{"event": "e", "ms": 50}, {"event": "e", "ms": 0}, {"event": "go"}, {"event": "e"}]}));
    run.wait_for_steps(&["go"]);
    run.notify("e", "late").expect(202);
    go(&run);
    let output = run.output();
    assert_eq!(
        (&output[0], &output[1], body(&output[3])),
        (&Value::Null, &Value::Null, "late".into())
    );
}

#[test]
fn the_wait_that_lost_a_race_gives_its_event_to_the_next() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"race": [{"event": "e"}, {"sleep": 30}]}, {"event": "go"}, {"event": "e"},
    ]}));
    run.wait_for_steps(&["go"]);
    run.notify("e", "kept").expect(202);
    go(&run);
    assert_eq!(body(&run.output()[2]), "kept");
}

#[test]
fn runs_notify_each_other() {
    let host = Host::start();
    let listeners = [0, 1].map(|_| host.script(&json!({"event": "news"})));
    for run in &listeners {
        run.wait_for_steps(&["news"]);
    }
    let keeper = host.script(&json!({"seq": [{"event": "go"}, {"event": "letter"}]}));
    keeper.wait_for_steps(&["go"]);
    let ended = host.script(&json!({"now": true}));
    ended.end();
    let unknown = "01890000-0000-7000-8000-000000000000";
    let sender = host.script(&json!({"seq": [
        {"notify": "news", "run": null, "body": {"n": 1}},
        {"notify": "letter", "run": keeper.id(), "body": "dear"},
        {"notify": "letter", "run": ended.id(), "body": "dear"},
        {"notify": "letter", "run": unknown, "body": "dear"},
        {"notify": "letter", "run": "nobody", "body": "dear"},
        {"notify": "nothing", "run": null, "body": null},
    ]}));
    assert_eq!(sender.output(), json!([2, 1, 0, 0, 0, 0]));
    for run in &listeners {
        assert_eq!(json_body(&run.output()), json!({"n": 1}));
    }
    go(&keeper);
    assert_eq!(json_body(&keeper.output()[1]), "dear");
}

#[test]
fn an_event_to_a_run_that_has_ended_is_410_and_what_it_left_is_shown() {
    let host = Host::start();
    let run = host.script(&json!({"event": "go"}));
    run.notify("unheard", "").expect(202);
    go(&run);
    run.output();
    run.notify("unheard", "").expect_problem(410, "run-ended");
    assert_eq!(run.show()["untaken"], 1);
}

#[test]
fn a_full_inbox_for_events_is_429() {
    let host = Host::with(&["--inbox-limit", "2"]);
    let run = host.script(&json!({"event": "go"}));
    run.notify("e", "1").expect(202);
    run.notify("e", "2").expect(202);
    let refused = run.notify("e", "3").expect_problem(429, "inbox-full");
    assert!(refused.header("retry-after").is_some());
    run.notify("other", "1").expect(202);
}

#[test]
fn an_event_to_many_reaches_each_once_also_across_a_crash() {
    const RUNS: usize = 150;
    let mut host = Host::start();
    let script = json!({"seq": [{"event": "e"}, {"event": "e", "ms": 2_000, "as": "again"}]});
    let runs: Vec<Run> = (0..RUNS).map(|_| host.script(&script)).collect();
    for run in &runs {
        run.wait_for_steps(&["e"]);
    }
    assert_eq!(broadcast(&host, "e", "once").len(), RUNS);
    host.restart();
    for run in &runs {
        let output = run.output();
        assert_eq!(
            (body(&output[0]), &output[1]),
            ("once".into(), &Value::Null)
        );
    }
}
