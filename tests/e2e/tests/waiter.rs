//! The workflow of the benchmark: it must do what the benchmark assumes.

use dormouse_e2e::{Host, Run, now, post};
use serde_json::{Value, json};

fn start(host: &Host, input: &Value) -> Run {
    host.deploy("waiter", "waiter");
    host.start_run("waiter", input)
}

#[test]
fn it_takes_its_requests_and_answers_its_questions_and_ends() {
    let host = Host::start();
    let run = start(&host, &json!({"requests": 2, "questions": 2}));
    let requests = run.hook("requests");
    post(&requests, "1").expect(202);
    assert_eq!(run.show()["ended"], Value::Null);
    post(&requests, "2").expect(202);
    let questions = run.hook("questions");
    post(&questions, "1").expect(200);
    assert_eq!(run.wait_for_status("suspended")["ended"], Value::Null);
    post(&questions, "2").expect(200);
    run.wait_for_status("completed");
}

#[test]
fn it_sleeps_until_the_given_time_and_waits_for_the_given_timeout() {
    let host = Host::start();
    let until = (now() + 1) * 1_000;
    let run = start(
        &host,
        &json!({"sleep_until": until, "questions": 1, "timeout_ms": 1}),
    );
    run.wait_for_status("completed");
    assert!(now() * 1_000 >= until);
}

#[test]
fn it_computes_for_ever() {
    let host = Host::with(&["--cpu-limit=50ms"]);
    let run = start(&host, &json!({"spin": true}));
    let (code, message) = run.failure();
    assert_eq!(code, "cpu-limit", "{message}");
}
