//! The order in which waits get calls: early, late, in order, in races, and at the edge of a timeout.

use std::thread;
use std::time::Duration;

use dormouse_e2e::{Host, Reply, Run, Service, body, pause, post};
use serde_json::{Value, json};

use crate::forms::{go, send_url, waits_after_go};

fn bodies(deliveries: &Value) -> Vec<String> {
    deliveries.as_array().unwrap().iter().map(body).collect()
}

#[test]
fn an_early_call_is_kept() {
    // The service calls back before it answers, so the run cannot be waiting yet.
    let service = Service::start(|job| {
        post(job.field("webhookUrl"), "early").expect(202);
        Reply::status(200)
    });
    let host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, send_url(&service), {"wait": "a"}]}));
    assert_eq!(body(&run.output()[2]), "early");
}

#[test]
fn a_call_to_a_waiting_run_resumes_it() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    run.wait_for_steps(&["a"]);
    let answer = post(run.hook("a"), "called").expect(202).json();
    assert!(answer["id"].is_string(), "{answer}");
    assert_eq!(answer["duplicate"], false);
    assert_eq!(body(&run.output()[1]), "called");
}

#[test]
fn a_late_call_is_queued_for_the_next_wait() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"},
        {"wait": "a", "ms": 50},
        {"event": "go"},
        {"wait": "a", "as": "next"},
    ]}));
    run.wait_for_steps(&["go"]);
    post(run.hook("a"), "late").expect(202);
    assert_eq!(run.webhooks()["webhooks"][0]["queued"], 1);
    go(&run);
    let output = run.output();
    assert_eq!(output[1], Value::Null);
    assert_eq!(body(&output[3]), "late");
}

#[test]
fn calls_are_first_in_first_out() {
    let host = Host::start();
    let run = host.script(&waits_after_go(20));
    let hook = run.hook("a");
    let sent: Vec<String> = (0..20).map(|number| format!("call {number}")).collect();
    for call in &sent {
        post(&hook, call).expect(202);
    }
    go(&run);
    assert_eq!(bodies(&run.output()[2]), sent);
}

#[test]
fn calls_at_once_are_all_kept_and_each_is_taken_by_one_wait() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"repeat": 32, "do": {"wait": "a"}}]}));
    let hook = run.hook("a");
    let mut ids: Vec<String> = thread::scope(|scope| {
        let call = |number| {
            let hook = &hook;
            scope.spawn(move || {
                post(hook, format!("call {number:02}"))
                    .expect(202)
                    .field("id")
            })
        };
        let callers: Vec<_> = (0..32).map(call).collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect()
    });
    let mut taken = bodies(&run.output()[1]);
    taken.sort();
    assert_eq!(
        taken,
        (0..32)
            .map(|number| format!("call {number:02}"))
            .collect::<Vec<_>>()
    );
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 32, "each call has an id of its own");
}

#[test]
fn two_waits_at_once_are_served_in_the_order_they_were_made() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"},
        {"join": [{"wait": "a", "as": "first"}, {"wait": "a", "as": "second"}]},
    ]}));
    run.wait_for_steps(&["first", "second"]);
    post(run.hook("a"), "one").expect(202);
    run.wait_for_steps(&["second"]);
    post(run.hook("a"), "two").expect(202);
    assert_eq!(bodies(&run.output()[1]), ["one", "two"]);
}

#[test]
fn webhooks_have_queues_of_their_own() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"}, {"webhook": "b"}, {"event": "go"}, {"wait": "b"}, {"wait": "a"},
    ]}));
    post(run.hook("a"), "to a").expect(202);
    post(run.hook("b"), "to b").expect(202);
    go(&run);
    let output = run.output();
    assert_eq!(
        (body(&output[3]), body(&output[4])),
        ("to b".into(), "to a".into())
    );
}

#[test]
fn a_timeout_of_zero_takes_what_is_there_and_waits_for_nothing() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"}, {"event": "go"}, {"wait": "a", "ms": 0}, {"wait": "a", "ms": 0},
    ]}));
    post(run.hook("a"), "there").expect(202);
    go(&run);
    let output = run.output();
    assert_eq!(body(&output[2]), "there");
    assert_eq!(output[3], Value::Null);
}

/// Milliseconds since the epoch, of a time as the API writes it.
fn milliseconds(time: &Value) -> i64 {
    time.as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap()
        .as_millisecond()
}

/// Returns when the first request that the run took was accepted, and when the wait that found it in the inbox began.
fn accepted_and_issued(run: &Run) -> (i64, i64) {
    let journal = run.journal();
    let activations = journal["activations"].as_array().unwrap();
    let delivery = |a: &&Value| a["completion"]["outcome"]["kind"] == "delivery";
    let taken = activations.iter().find(delivery).unwrap();
    let accepted = milliseconds(&taken["completion"]["outcome"]["accepted"]);
    (accepted, milliseconds(&activations[0]["time"]))
}

#[test]
fn a_timeout_and_an_arrival_at_once_are_decided_by_the_time_of_acceptance() {
    const TIMEOUT: u16 = 600;
    let host = Host::start();
    let script = json!({"seq": [{"webhook": "a"}, {"wait": "a", "ms": TIMEOUT}, {"wait": "a"}]});
    thread::scope(|scope| {
        for offset in (0..12_u16).map(|step| TIMEOUT - 180 + 20 * step) {
            let run = host.script(&script);
            scope.spawn(move || {
                let hook = run.hook("a");
                pause(Duration::from_millis(offset.into()));
                post(&hook, "one").expect(202);
                // The run is over before this if it took the first in its second wait.
                let left = post(&hook, "two").status == 202;
                let output = run.output();
                let (accepted, issued) = accepted_and_issued(&run);
                if accepted < issued + i64::from(TIMEOUT) {
                    assert_eq!(
                        (body(&output[1]), body(&output[2])),
                        ("one".into(), "two".into())
                    );
                    assert!(left);
                    assert_eq!(run.show()["untaken"], 0);
                } else {
                    assert_eq!((&output[1], body(&output[2])), (&Value::Null, "one".into()));
                    assert_eq!(run.show()["untaken"], u32::from(left));
                }
            });
        }
    });
}

#[test]
fn the_wait_that_lost_a_race_gives_its_call_to_the_next() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"},
        {"race": [{"wait": "a", "as": "loser"}, {"sleep": 30}]},
        {"event": "go"},
        {"wait": "a", "as": "next"},
    ]}));
    run.wait_for_steps(&["go"]);
    post(run.hook("a"), "after the race").expect(202);
    go(&run);
    let output = run.output();
    assert_eq!(output[1], json!(["lost", null]));
    assert_eq!(body(&output[3]), "after the race");
}

#[test]
fn a_race_between_two_queued_calls_swallows_neither() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"},
        {"webhook": "b"},
        {"event": "go"},
        {"race": [{"wait": "a"}, {"wait": "b"}]},
        {"wait": "a", "ms": 0},
        {"wait": "b", "ms": 0},
    ]}));
    post(run.hook("a"), "to a").expect(202);
    post(run.hook("b"), "to b").expect(202);
    go(&run);
    let output = run.output();
    let taken = |winner: &Value, after: &Value| (winner != "lost", !after.is_null());
    let (race, a, b) = (&output[3], &output[4], &output[5]);
    // Either may win, and then the other's is still there.
    match (taken(&race[0], a), taken(&race[1], b)) {
        ((true, false), (false, true)) => {
            assert_eq!((body(&race[0]), body(b)), ("to a".into(), "to b".into()));
        }
        ((false, true), (true, false)) => {
            assert_eq!((body(&race[1]), body(a)), ("to b".into(), "to a".into()));
        }
        _ => panic!("{output:#}"),
    }
}

#[test]
fn the_loser_of_two_racing_waits_on_one_webhook_takes_no_request() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"},
        {"race": [{"wait": "a", "as": "one"}, {"wait": "a", "as": "other"}]},
        {"wait": "a", "as": "next"},
    ]}));
    run.wait_for_steps(&["one", "other"]);
    post(run.hook("a"), "1").expect(202);
    post(run.hook("a"), "2").expect(202);
    let output = run.output();
    assert_eq!(
        (body(&output[1][0]), &output[1][1]),
        ("1".into(), &json!("lost"))
    );
    assert_eq!(body(&output[2]), "2");
}

#[test]
fn requests_that_no_wait_took_are_shown_as_untaken() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}, {"event": "go"}]}));
    let hook = run.hook("a");
    for call in ["taken", "left", "left as well"] {
        post(&hook, call).expect(202);
    }
    go(&run);
    run.output();
    assert_eq!(run.show()["untaken"], 2);
    assert_eq!(host.get("/v1/runs").json()["runs"][0]["untaken"], 2);
    let webhook = &run.webhooks()["webhooks"][0];
    assert_eq!(
        (&webhook["queued"], &webhook["delivered"]),
        (&json!(2), &json!(1))
    );
}

#[test]
fn requests_that_a_cancelled_run_had_not_taken_are_shown_as_untaken() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    post(run.hook("a"), "left").expect(202);
    run.cancel().expect(200);
    assert_eq!(run.show()["untaken"], 1);
}

/// The run computes for a second or more, while requests with more bytes come than are kept in memory for it.
#[test]
fn large_calls_to_a_run_that_computes_are_taken_in_order() {
    let host = Host::start();
    let computes = json!({"repeat": 200, "do": {"grow": 16 << 20}});
    let run = host.script(&json!({"seq": [
        {"webhook": "a"},
        {"wait": "a"},
        computes,
        {"repeat": 20, "do": {"wait": "a"}},
    ]}));
    run.wait_for_steps(&["a"]);
    let hook = run.hook("a");
    post(&hook, "begin").expect(202);
    let sent: Vec<String> = (0..20)
        .map(|number| format!("{number} {}", "x".repeat(200 << 10)))
        .collect();
    for body in &sent {
        post(&hook, body).expect(202);
    }
    assert!(bodies(&run.output()[3]) == sent, "they are not in order");
}
