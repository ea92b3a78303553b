//! Limits: a guest that exceeds one fails, is told which setting it was, and does not affect
//! others.

use dormouse_e2e::{Host, Run};
use serde_json::json;

use crate::forms::go;

/// Checks that a run fails with this code, and that its message names this setting.
#[track_caller]
pub(crate) fn fails(run: &Run, code: &str, setting: &str) -> String {
    let (found, message) = run.failure();
    assert_eq!(found, code, "{message}");
    assert!(message.contains(&format!("`{setting}`")), "{message}");
    message
}

#[test]
fn a_guest_that_never_yields_fails_and_the_others_go_on() {
    let host = Host::with(&["--cpu-limit", "300ms"]);
    let spinning = [0, 1, 2].map(|_| host.script(&json!({"spin": true})));
    let others = [0, 1, 2].map(|_| host.script(&json!({"seq": [{"sleep": 10}, {"now": true}]})));
    for run in &others {
        run.output();
    }
    for run in &spinning {
        fails(run, "cpu-limit", "cpu-limit");
        let backtrace = run.show()["failure"]["backtrace"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(backtrace.contains("interpreter"), "{backtrace}");
    }
}

#[test]
fn a_guest_that_eats_memory_fails_and_the_others_go_on() {
    let host = Host::with(&["--memory-limit", "16MiB"]);
    fails(
        &host.script(&json!({"grow": 20 << 20})),
        "memory-limit",
        "memory-limit",
    );
    host.script(&json!({"grow": 8 << 20})).output();
}

#[test]
fn a_run_keeps_the_memory_limit_that_it_was_started_with() {
    let mut host = Host::with(&["--memory-limit", "64MiB"]);
    let run = host.script(&json!({"seq": [{"event": "go"}, {"grow": 32 << 20}]}));
    run.wait_for_steps(&["go"]);
    host.kill();
    let host = host.resume_with(&["--memory-limit", "16MiB"]);
    go(&run);
    run.output();
    fails(
        &host.start_run("script", &json!({"grow": 32 << 20})),
        "memory-limit",
        "memory-limit",
    );
}

#[test]
fn a_step_name_over_the_limit_fails_the_run() {
    let host = Host::start();
    let longest = "s".repeat(256);
    host.script(&json!({"step": longest, "value": 1})).output();
    let message = fails(
        &host.script(&json!({"step": format!("{longest}s"), "value": 1})),
        "limit",
        "step-name-limit",
    );
    assert!(
        message.contains("257") && message.contains("256"),
        "{message}"
    );
}

#[test]
fn too_many_operations_fail_the_run() {
    let host = Host::with(&["--operations-limit", "100"]);
    host.script(&json!({"repeat": 100, "do": {"step": "s", "value": 1}}))
        .output();
    fails(
        &host.script(&json!({"repeat": 101, "do": {"step": "s", "value": 1}})),
        "limit",
        "operations-limit",
    );
}

#[test]
fn too_many_outstanding_operations_fail_the_run() {
    let host = Host::with(&["--outstanding-limit", "10"]);
    let sleeps = |count| json!({"join": vec![json!({"sleep": 10}); count]});
    host.script(&sleeps(10)).output();
    fails(&host.script(&sleeps(11)), "limit", "outstanding-limit");
}

#[test]
fn too_many_webhooks_fail_the_run() {
    let host = Host::with(&["--webhooks-limit", "5"]);
    host.script(&json!({"repeat": 5, "do": {"webhook": "a"}}))
        .output();
    fails(
        &host.script(&json!({"repeat": 6, "do": {"webhook": "a"}})),
        "limit",
        "webhooks-limit",
    );
}

#[test]
fn a_value_over_the_limit_fails_the_run() {
    let host = Host::with(&["--body-limit", "10000"]);
    let step = |size: usize| json!({"repeat": 1, "do": {"step": "s", "value": "x".repeat(size)}});
    host.script(&step(4_000)).output();
    fails(
        &host.script(&json!({"random": 6_000})),
        "limit",
        "body-limit",
    );
    // Not itself too large an input.
    let doubled =
        json!({"seq": [{"webhook": "a"}, {"step": "s", "value": "${a.url}".repeat(500)}]});
    fails(&host.script(&doubled), "limit", "body-limit");
}

#[test]
fn a_journal_over_the_limit_fails_the_run() {
    let host = Host::with(&["--journal-limit", "100KiB"]);
    let value = "x".repeat(10_000);
    let steps = |count| json!({"repeat": count, "do": {"seq": [{"step": "s", "value": value}, {"sleep": 1}]}});
    host.script(&steps(5)).output();
    fails(&host.script(&steps(20)), "limit", "journal-limit");
}

#[test]
fn a_log_over_the_limit_loses_lines_and_harms_nobody() {
    let host = Host::with(&["--log-limit", "1000"]);
    let line = "x".repeat(100);
    let run = host.script(&json!({"repeat": 50, "do": {"log": line}}));
    run.output();
    let logs = run.logs();
    let lines = logs["lines"].as_array().unwrap();
    // Some of them have room, and one more says that there is no more.
    assert!((2..=11).contains(&lines.len()), "{logs:#}");
    let last = lines[lines.len() - 1]["message"].as_str().unwrap();
    assert!(last.contains("`log-limit`"), "{last}");
}

#[test]
fn more_runs_than_instances_wait_for_their_turn_and_none_fails() {
    let host = Host::with(&["--warm-memory", "100KiB"]);
    let runs: Vec<Run> = (0..100)
        .map(|number| {
            host.script(&json!({"seq": [{"event": "go"}, {"step": "s", "value": number}]}))
        })
        .collect();
    for run in &runs {
        run.wait_for_steps(&["go"]);
    }
    let reached = host.post("/v1/events/go", "").expect(200).json();
    assert_eq!(reached["runs"].as_array().unwrap().len(), 100);
    for (number, run) in runs.iter().enumerate() {
        assert_eq!(run.output()[1], number);
    }
}

#[test]
fn an_input_over_the_limit_is_413() {
    let host = Host::with(&["--body-limit", "1000"]);
    host.deploy("script", "script");
    let answer = host
        .post("/v1/workflows/script/runs", [b' '; 1001])
        .expect_problem(413, "body-too-large");
    assert!(
        answer.detail().contains("`body-limit`"),
        "{}",
        answer.detail()
    );
    host.post("/v1/events/e", [b' '; 1001])
        .expect_problem(413, "body-too-large");
}
