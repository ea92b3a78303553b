//! The settings of a workflow: how long its runs are kept, the workflows whose runs they may start and use, and
//! the workflow that is started when a run fails.

use dormouse_e2e::{Cli, Host, Run, request, wait_until};
use serde_json::{Value, json};

fn set(host: &Host, workflow: &str, settings: &Value) -> dormouse_e2e::Answer {
    let url = format!("{}/v1/workflows/{workflow}/settings", host.url());
    request("PUT", url).body(settings.to_string()).send()
}

fn runs(host: &Host, workflow: &str) -> Vec<Value> {
    let page = host.get(&format!("/v1/runs?workflow={workflow}"));
    page.expect(200).json()["runs"].as_array().unwrap().clone()
}

#[test]
fn a_workflow_has_a_retention_of_its_own() {
    let host = Host::start();
    host.deploy("script", "script");
    host.deploy("kept", "script");
    set(&host, "script", &json!({"retention": "1ms"})).expect(200);
    let kept = host.start_run("kept", &json!({"step": "s", "value": 1}));
    kept.output();
    let answer = host.post("/v1/workflows/script/runs", r#"{"step": "s", "value": 1}"#);
    let id = answer.expect(202).json()["id"].as_str().unwrap().to_owned();
    wait_until("the run is removed", || {
        let shown = host.get(&format!("/v1/runs/{id}"));
        (shown.status == 404).then_some(())
    });
    assert_eq!(kept.status(), "completed");
}

#[test]
fn a_run_may_start_and_use_what_its_workflow_names() {
    let host = Host::start();
    host.deploy("script", "script");
    host.deploy("parcel", "script");
    host.deploy("other", "script");
    set(&host, "script", &json!({"may_use": ["parcel"]})).expect(200);
    let input = json!({"step": "s", "value": 2});
    let start = |workflow: &str, step: &str| json!({"start": {"workflow": workflow, "input": input}, "as": step});
    let run = host.start_run(
        "script",
        &json!({"seq": [
            start("parcel", "a"), {"await-run": "a"},
            start("script", "own"), {"await-run": "own"},
        ]}),
    );
    assert_eq!(run.output()[3], json!({"completed": 2}));
    let refused = host.start_run("script", &start("other", "b"));
    let ended = refused.end();
    let text = format!("{ended}");
    assert!(text.contains("not-allowed"), "{text}");
    assert_eq!(runs(&host, "other"), [Value::Null; 0]);
    set(&host, "script", &json!({})).expect(200);
    host.start_run("script", &start("other", "b")).end();
    assert_eq!(runs(&host, "other").len(), 1);
}

fn alerts(host: &Host) -> Vec<Run> {
    let all = runs(host, "alert").into_iter();
    all.map(|run| host.run(run["id"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_failure_starts_the_workflow_that_is_named_for_it_once() {
    let mut host = Host::start();
    let version = host.deploy("script", "script");
    host.deploy("alert", "script");
    set(&host, "script", &json!({"on_failure": "alert"})).expect(200);
    // A failure of what was started for one starts nothing.
    set(
        &host,
        "alert",
        &json!({"on_failure": "script", "when_broken": "fail"}),
    )
    .expect(200);
    let failing = json!({"fail": {"code": "c", "message": "no money"}});
    let answer = host.post(
        "/v1/workflows/script/runs?label=customer:42",
        failing.to_string(),
    );
    let failed = host.run(answer.expect(202).json()["id"].as_str().unwrap());
    assert_eq!(failed.failure().0, "c");
    host.kill();
    host.resume();
    let started = wait_until("the alert is started", || {
        let alerts = alerts(&host);
        (!alerts.is_empty()).then_some(alerts)
    });
    assert_eq!(started.len(), 1);
    // The script has no such instruction, so it fails too.
    started[0].end();
    let input = started[0].get("/input").expect(200).json();
    assert_eq!(
        input,
        json!({
            "run": failed.id(), "workflow": "script", "version": version,
            "failure": {"code": "c", "message": "no money"},
            "labels": {"customer": "42"}, "try": 0,
            "input": failing.to_string(), "content_type": "",
        })
    );
    assert_eq!(started[0].show()["parent"], Value::Null);
    assert_eq!(runs(&host, "script").len(), 1);
    host.start_run("script", &json!({"step": "s", "value": 1}))
        .output();
    assert_eq!(runs(&host, "alert").len(), 1);
}

#[test]
fn a_failure_for_which_nothing_can_be_started_says_so() {
    let host = Host::start();
    host.deploy("script", "script");
    set(&host, "script", &json!({"on_failure": "nobody"})).expect(200);
    let run = host.start_run(
        "script",
        &json!({"seq": [{"log": "before"}, {"fail": {"code": "c", "message": "m"}}]}),
    );
    run.failure();
    let log = wait_until("the log says so", || {
        let log = run.logs().to_string();
        log.contains("was not started").then_some(log)
    });
    assert!(log.contains("nobody") && log.contains("before"), "{log}");
}

#[test]
fn settings_are_set_one_by_one_and_wrong_ones_are_refused() {
    let host = Host::start();
    host.deploy("script", "script");
    let cli = Cli::of(&host);
    let set_by_cli =
        |settings: &[&str]| cli.run(&[&["workflows", "set", "script"], settings].concat());
    set_by_cli(&["--when-broken", "fail"]).ok();
    set_by_cli(&["--may-use", "a, b", "--retention", "36h"]).ok();
    let shown = set_by_cli(&["--on-failure", "alert"]).ok();
    for part in ["fail", "36h", "a, b", "alert"] {
        assert!(shown.contains(part), "{shown}");
    }
    let settings = host.get("/v1/workflows/script/settings").expect(200).json();
    let expected = json!({
        "when_broken": "fail", "retention": "36h", "may_use": ["a", "b"], "on_failure": "alert",
    });
    assert_eq!(settings, expected);
    // A deployment changes none of them.
    host.deploy("script", "waiter");
    let settings = host.get("/v1/workflows/script/settings").expect(200).json();
    assert_eq!(settings, expected);
    set_by_cli(&["--may-use", "", "--retention", "host", "--on-failure", ""]).ok();
    let settings = host.get("/v1/workflows/script/settings").expect(200).json();
    let expected = json!({
        "when_broken": "fail", "retention": null, "may_use": [], "on_failure": null,
    });
    assert_eq!(settings, expected);

    let wrong = |settings: Value, code: &str| {
        let problem = set(&host, "script", &settings).expect_problem(400, code);
        problem.detail()
    };
    assert!(wrong(json!({"retain": "1d"}), "invalid-json").contains("retain"));
    assert!(wrong(json!({"retention": "soon"}), "invalid-setting").contains("retention"));
    assert!(wrong(json!({"may_use": ["A B"]}), "invalid-setting").contains("A B"));
    assert!(wrong(json!({"on_failure": ""}), "invalid-setting").contains("name"));
    set(&host, "none", &json!({})).expect_problem(404, "unknown-workflow");
}
