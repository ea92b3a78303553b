//! Runs that start other runs, wait for them and cancel them.

use dormouse_e2e::{Host, wait_until};
use serde_json::{Value, json};

/// Returns two names for the same program, so that runs of one are not of the other's workflow.
fn host() -> Host {
    let host = Host::start();
    host.deploy("script", "script");
    host.deploy("other", "script");
    host
}

fn all_runs(host: &Host, workflow: &str) -> Vec<Value> {
    let page = host.get(&format!("/v1/runs?workflow={workflow}&limit=500"));
    page.expect(200).json()["runs"].as_array().unwrap().clone()
}

#[test]
fn a_run_starts_others_and_is_told_how_they_end() {
    let host = host();
    let invoke = |input: Value| json!({"invoke": {"workflow": "other", "input": input}});
    let run = host.start_run(
        "script",
        &json!({"join": [
            invoke(json!({"step": "s", "value": 7})),
            invoke(json!({"fail": {"code": "no-stock", "message": "none left"}})),
            {"seq": [
                {"start": {"workflow": "other", "input": {"wait-cancel": null}}, "as": "stuck"},
                {"await-run": "stuck"},
            ]},
            {"seq": [
                {"start": {"workflow": "other", "input": {"sleep": 60_000_000}}, "as": "long"},
                {"await-run": "long", "ms": 0},
                {"cancel-run": "long"},
                {"cancel-run": "long"},
                {"await-run": "long"},
                {"await-run": "long", "ms": 0},
            ]},
        ]}),
    );
    let output = run.output();
    assert_eq!(output[0], json!({"completed": 7}));
    assert_eq!(
        output[1],
        json!({"failed": {"code": "no-stock", "message": "none left"}})
    );
    assert_eq!(output[2][1]["failed"]["code"], "stuck");
    let ended = json!({"cancelled": "cancelled"});
    let expected = [json!(null), json!(true), json!(false), ended.clone(), ended];
    assert_eq!(output[3].as_array().unwrap()[1..], expected);
    assert_eq!(all_runs(&host, "other").len(), 4);

    let id = output[3][0].as_str().unwrap();
    assert_eq!(host.run(id).show()["parent"], run.id());
    assert_eq!(run.show()["children"], 0);
    let children = |filter: &str| {
        let path = format!("/v1/runs?parent={}{filter}", run.id());
        let page = host.get(&path).expect(200).json();
        page["runs"].as_array().unwrap().len()
    };
    assert_eq!(children(""), 4);
    assert_eq!(children("&status=failed"), 2);
    host.get("/v1/runs?parent=x")
        .expect_problem(400, "invalid-query");
}

#[test]
fn a_childs_failure_can_be_the_parents() {
    let host = host();
    let fails = json!({"fail": {"code": "no-stock", "message": "none left"}});
    let run = host.start_run(
        "script",
        &json!({"invoke": {"workflow": "other", "or_fail": true, "input": fails}}),
    );
    assert_eq!(run.failure(), ("no-stock".into(), "none left".into()));
}

#[test]
fn a_child_that_cannot_be_started_or_awaited_is_an_error_in_the_run() {
    let host = host();
    let stranger = host.start_run("other", &json!({"sleep": 60_000_000}));
    let nobody = "0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6";
    let run = host.start_run(
        "script",
        &json!({"seq": [
            {"start": {"workflow": "nothing", "input": 1}},
            {"start": {"workflow": "other", "input": 1, "version": "00"}},
            {"start": {"workflow": "other", "input": 1, "version": "0".repeat(64)}},
            {"await-run": nobody},
            {"await-run": "no id at all"},
            {"cancel-run": nobody},
            {"await-run": stranger.id()},
            {"cancel-run": stranger.id()},
        ]}),
    );
    let output = run.output();
    let codes: Vec<&str> = [0, 1, 2, 6, 7]
        .iter()
        .map(|place| output[place]["error"].as_str().unwrap())
        .collect();
    let expected = [
        "unknown-workflow",
        "unknown-version",
        "unknown-version",
        "not-allowed",
        "not-allowed",
    ];
    assert_eq!(codes, expected, "{output}");
    assert_eq!(output[3], "gone");
    assert_eq!(output[4], "gone");
    assert_eq!(output[5], false);
    assert_eq!(stranger.status(), "suspended");
}

#[test]
fn children_are_asked_to_cancel_when_their_parent_ends_unless_they_are_left() {
    let host = host();
    let hears = json!({"race": [{"wait-cancel": null}, {"sleep": 60_000_000}]});
    let parent = host.start_run(
        "script",
        &json!({"seq": [
            {"start": {"workflow": "other", "input": hears}, "as": "hears"},
            {"start": {"workflow": "other", "input": {"sleep": 60_000_000}, "leave": true}, "as": "left"},
            {"wait": "never"},
        ]}),
    );
    // `wait` names no webhook, so that the parent fails, which cancels nobody.
    assert_eq!(parent.failure().0, "script");
    let ids: Vec<String> = all_runs(&host, "other")
        .iter()
        .map(|run| run["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 2);
    for id in &ids {
        host.run(id).wait_for_status("suspended");
        host.run(id).cancel();
    }

    let parent = host.start_run(
        "script",
        &json!({"seq": [
            {"start": {"workflow": "other", "input": hears}, "as": "hears"},
            {"start": {"workflow": "other", "input": {"sleep": 60_000_000}, "leave": true}, "as": "left"},
        ]}),
    );
    let output = parent.output();
    let [hears, left] = [0, 1].map(|place| host.run(output[place].as_str().unwrap()));
    assert_eq!(hears.output(), json!(["parent-ended", "lost"]));
    assert_eq!(left.status(), "suspended");
    assert_eq!(left.show()["cancel"], Value::Null);
}

#[test]
fn a_cancelled_tree_is_cancelled_to_its_leaves() {
    let host = host();
    let mut script = json!({"sleep": 60_000_000});
    for _ in 0..5 {
        script = json!({"join": [
            {"invoke": {"workflow": "other", "input": script}},
            {"invoke": {"workflow": "other", "input": {"sleep": 60_000_000}}},
        ]});
    }
    let top = host.start_run("script", &script);
    wait_until("the whole tree sleeps", || {
        let runs = all_runs(&host, "other");
        (runs.len() == 10 && runs.iter().all(|run| run["status"] == "suspended")).then_some(())
    });
    top.cancel().expect(200);
    wait_until("all are cancelled", || {
        let runs = all_runs(&host, "other");
        runs.iter()
            .all(|run| run["status"] == "cancelled")
            .then_some(())
    });
}

#[test]
fn a_run_is_asked_to_cancel_and_has_time_for_it() {
    let host = host();
    let cleans_up = json!({"seq": [
        {"race": [{"wait-cancel": null}, {"sleep": 60_000_000}]},
        {"step": "undo", "value": "undone"},
    ]});
    let run = host.start_run("script", &cleans_up);
    run.wait_for_status("suspended");
    let body = r#"{"grace": "10m", "reason": "by hand"}"#;
    let answer = run.post("/cancel", body).expect(200).json();
    assert_ne!(answer["status"], "cancelled");
    assert_eq!(run.output(), json!([["by hand", "lost"], "undone"]));
    run.post("/cancel", body).expect_problem(409, "run-ended");

    let deaf = host.start_run("script", &json!({"sleep": 60_000_000}));
    deaf.post("/cancel", r#"{"grace": "1h"}"#).expect(200);
    assert_eq!(deaf.show()["cancel"]["reason"], "cancelled");
    deaf.post("/cancel", r#"{"grace": "1ms"}"#).expect(200);
    deaf.wait_for_status("cancelled");

    for (body, code) in [
        ("[]", "invalid-json"),
        (r#"{"grace": "soon"}"#, "invalid-cancel"),
        (r#"{"why": "x"}"#, "invalid-json"),
    ] {
        deaf.post("/cancel", body).expect_problem(400, code);
    }
    let long = json!({"reason": "x".repeat(1_025)}).to_string();
    deaf.post("/cancel", long)
        .expect_problem(400, "invalid-cancel");
}

#[test]
fn a_childs_time_is_over_when_its_timeout_passes() {
    let host = host();
    let run = host.start_run(
        "script",
        &json!({"seq": [
            {"start": {"workflow": "other", "timeout_ms": 1,
                "input": {"race": [{"wait-cancel": null}, {"sleep": 60_000_000}]}}, "as": "c"},
            {"await-run": "c"},
        ]}),
    );
    assert_eq!(run.output()[1], json!({"completed": ["timeout", "lost"]}));
}

#[test]
fn each_child_is_started_once_whenever_the_host_dies() {
    const CHILDREN: usize = 60;
    let mut host = host();
    let invoke = json!({"invoke": {"workflow": "other", "input": {"step": "s", "value": 1}}});
    let run = host.start_run("script", &json!({"join": vec![invoke; CHILDREN]}));
    let (mut kills, id) = (0, run.id().to_owned());
    while run.status() != "completed" {
        if kills < 6 {
            let seen = all_runs(&host, "other").len();
            wait_until("something more happens", || {
                let more = all_runs(&host, "other").len() > seen;
                (more || host.run(&id).status() == "completed").then_some(())
            });
            host.kill();
            host.resume();
            kills += 1;
        }
    }
    assert_eq!(
        host.run(&id).output(),
        json!(vec![json!({"completed": 1}); CHILDREN])
    );
    assert_eq!(all_runs(&host, "other").len(), CHILDREN);
}

#[test]
fn limits_on_children_and_depth_are_errors_that_name_the_setting() {
    let host = Host::with(&["--children-limit", "2", "--depth-limit", "1"]);
    host.deploy("script", "script");
    let sleeps = json!({"start": {"workflow": "script", "input": {"sleep": 60_000_000}}});
    let run = host.start_run("script", &json!({"seq": [sleeps, sleeps, sleeps]}));
    let output = run.output();
    assert_eq!(output[2]["error"], "limit", "{output}");
    let message = output[2]["message"].as_str().unwrap();
    assert!(message.contains("`children-limit`"), "{message}");

    let deep = json!({"invoke": {"workflow": "script", "input": sleeps}});
    let output = host.start_run("script", &deep).output();
    let message = output["completed"]["message"].as_str().unwrap();
    assert!(message.contains("`depth-limit`"), "{message}");
}
