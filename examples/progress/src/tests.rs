use dormouse_sdk::test::{Incoming, Test, TestRun};

use super::*;

fn started() -> TestRun {
    let input = json!({"service_url": "https://jobs.example", "timeout_ms": 300_000});
    Test::new(progress).input(&input).start()
}

#[test]
fn updates_are_collected_until_the_job_is_done() {
    let mut run = started();
    let job: Value = run.call("start job").json();
    assert_eq!(job["webhookUrl"], run.webhook_url("progress"));
    run.answer("start job", Response::new(202));

    run.advance("4m");
    run.deliver("progress", Incoming::json(&json!(50)));
    run.advance("4m");
    let done = Incoming::json(&json!(100)).header("x-task-finished", "true");
    run.deliver("progress", done);
    assert_eq!(run.output::<Value>(), json!([50, 100]));
}

#[test]
fn a_service_that_falls_silent_is_given_up_after_the_timeout() {
    let mut run = started();
    run.answer("start job", Response::new(202));
    assert_eq!(run.output::<Value>(), json!([]));
    assert_eq!(run.elapsed().as_secs(), 300);
}

#[test]
fn a_service_that_refuses_the_job_fails_the_run() {
    let mut run = started();
    run.answer("start job", Response::new(400));
    assert_eq!(run.failure().code(), "http-status");
}
