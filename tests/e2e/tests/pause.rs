//! Paused runs, workflows and hosts: they accept and keep requests, do nothing, and later continue where they were,
//! also if the host was restarted in between.

use dormouse_e2e::{Cli, Host, Reply, Run, Service, body, pause, post, request, with_enough_time};
use serde_json::{Value, json};
use std::time::Duration;

fn paused(run: &Run) -> Value {
    run.show()["paused"].clone()
}

fn waits() -> Value {
    json!({"seq": [{"webhook": "a"}, {"wait": "a"}, {"wait": "a"}]})
}

fn post_to(host: &Host, path: &str) -> Value {
    host.post(path, "").expect(200).json()
}

/// Waits until the host has nothing under way, so that whatever would be done wrongly was done.
fn settle(host: &Host) {
    for _ in 0..2 {
        host.get("/readyz").expect(200);
        pause(Duration::from_millis(300));
    }
}

#[test]
fn a_paused_run_keeps_what_comes_and_takes_it_in_order_when_it_goes_on() {
    let mut host = Host::start();
    let run = host.script(&waits());
    run.wait_for_status("suspended");
    let hook = run.hook("a");
    let answer = run.post("/pause", "").expect(200).json();
    assert_eq!(
        answer,
        json!({"id": run.id(), "status": "suspended", "paused": "run"})
    );
    run.post("/pause", "").expect(200);
    post(&hook, "first").expect(202);
    host.kill();
    host.resume();
    let run = host.run(run.id());
    post(run.hook("a"), "second").expect(202);
    settle(&host);
    assert_eq!(paused(&run), "run");
    assert_eq!(run.show()["activations"], 1);
    assert_eq!(run.queued(), 2);
    assert_eq!(host.get("/v1/pause").expect(200).json()["runs"], 1);

    let answer = run.post("/resume", "").expect(200).json();
    assert_eq!(answer["paused"], Value::Null);
    let output = run.output();
    assert_eq!(
        (body(&output[1]), body(&output[2])),
        ("first".into(), "second".into())
    );
    assert_eq!(paused(&run), Value::Null);
    run.post("/pause", "").expect_problem(409, "run-ended");
    run.post("/resume", "").expect_problem(409, "not-blocked");
    assert_eq!(host.get("/v1/pause").expect(200).json()["runs"], 0);
    let nobody = "/v1/runs/0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6/pause";
    host.post(nobody, "").expect_problem(404, "unknown-run");
}

#[test]
fn a_paused_workflow_accepts_starts_and_slows_no_other() {
    let mut host = Host::start();
    host.deploy("script", "script");
    host.deploy("other", "script");
    let sleeping = with_enough_time("a pause before a sleep is over", 500, |time| {
        let run = host.start_run("script", &json!({"sleep": time}));
        let now = post_to(&host, "/v1/workflows/script/pause");
        assert!(now["workflows"]["script"].is_string(), "{now}");
        pause(Duration::from_millis(time));
        if run.status() == "suspended" {
            return Some(run);
        }
        post_to(&host, "/v1/workflows/script/resume");
        None
    });
    let started = host.start_run("script", &json!({"step": "s", "value": 7}));
    let other = host.start_run("other", &json!({"sleep": 200}));
    other.output();
    settle(&host);
    for run in [&sleeping, &started] {
        assert_eq!(paused(run), "workflow");
    }
    assert_eq!(started.status(), "pending");
    assert_eq!(sleeping.status(), "suspended");
    let page = host.get("/v1/runs?status=pending").expect(200).json();
    assert_eq!(page["runs"][0]["id"], started.id());
    assert_eq!(page["runs"][0]["paused"], "workflow");
    let shown = host.get("/v1/workflows/script").expect(200).json();
    assert!(shown["paused"].is_string(), "{shown}");
    let problem = sleeping
        .post("/resume", "")
        .expect_problem(409, "paused-above");
    assert!(
        problem
            .detail()
            .contains("dormouse resume --workflow script"),
        "{}",
        problem.detail()
    );
    host.kill();
    host.resume();
    let (sleeping, started) = (host.run(sleeping.id()), host.run(started.id()));
    settle(&host);
    assert_eq!(started.status(), "pending");
    assert_eq!(sleeping.status(), "suspended");

    let now = post_to(&host, "/v1/workflows/script/resume");
    assert_eq!(now["workflows"], json!({}));
    assert_eq!(started.output(), 7);
    sleeping.output();
    // Neither is wrong to ask for twice.
    post_to(&host, "/v1/workflows/script/resume");
    host.post("/v1/workflows/none/pause", "")
        .expect_problem(404, "unknown-workflow");
    host.post("/v1/workflows/none/resume", "")
        .expect_problem(404, "unknown-workflow");
}

#[test]
fn no_attempt_is_sent_while_a_run_is_paused_and_what_was_sent_counts() {
    let service = Service::answering(&[503, 200]);
    let mut host = Host::with(&["--allow-private-egress"]);
    let call = json!({"call": {"url": service.url(), "attempts": 2, "delay_ms": 1_000}});
    let run = host.script(&call);
    service.wait_for(1);
    run.post("/pause", "").expect(200);
    settle(&host);
    pause(Duration::from_millis(1_500));
    assert_eq!(service.requests().len(), 1);
    host.kill();
    host.resume();
    let run = host.run(run.id());
    settle(&host);
    assert_eq!(service.requests().len(), 1);
    assert_eq!(run.status(), "running");
    run.post("/resume", "").expect(200);
    assert_eq!(run.output()["status"], 200);
    assert_eq!(service.requests().len(), 2);
}

#[test]
fn an_attempt_under_way_may_finish_and_is_kept() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let service = Service::start(move |_| {
        receiver.lock().unwrap().recv().ok();
        Reply::status(200)
    });
    let host = Host::with(&["--allow-private-egress"]);
    let run = host.script(&json!({"call": {"url": service.url(), "attempts": 1}}));
    service.wait_for(1);
    post_to(&host, "/v1/pause");
    sender.send(()).unwrap();
    settle(&host);
    assert_eq!(run.show()["activations"], 1);
    post_to(&host, "/v1/resume");
    assert_eq!(run.output()["status"], 200);
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn a_paused_host_stays_so_and_does_nothing() {
    let service = Service::answering(&[200]);
    let mut host = Host::with(&["--allow-private-egress"]);
    let waiting = host.script(&waits());
    waiting.wait_for_status("suspended");
    assert!(host.stop().success());
    let mut host = host.resume_with(&["--allow-private-egress", "--paused"]);
    let health = host.get("/readyz").expect(200).json();
    assert_eq!(health["degraded"][0]["what"], "paused", "{health}");
    let calling = host.start_run("script", &json!({"call": {"url": service.url()}}));
    let waiting = host.run(waiting.id());
    post(waiting.hook("a"), "1").expect(202);
    // Also without the flag, and after a kill.
    host.kill();
    let host = host.resume_with(&["--allow-private-egress"]);
    let (waiting, calling) = (host.run(waiting.id()), host.run(calling.id()));
    post(waiting.hook("a"), "2").expect(202);
    settle(&host);
    assert_eq!(paused(&calling), "host");
    assert_eq!((calling.status(), waiting.queued()), ("pending".into(), 2));
    assert_eq!(service.requests().len(), 0);
    let metrics = host.get("/metrics").expect(200).text();
    assert!(
        metrics.contains("dormouse_paused{what=\"host\"} 1"),
        "{metrics}"
    );
    let cancelled = host.start_run("script", &json!({"sleep": 1}));
    cancelled.cancel().expect(200);
    assert_eq!(cancelled.status(), "cancelled");

    let resumed = Cli::of(&host).run(&["resume", "--host"]).ok();
    assert_eq!(resumed, "nothing is paused\n");
    assert_eq!(calling.output()["status"], 200);
    waiting.output();
    let health = host.get("/readyz").expect(200).json();
    assert_eq!(health["degraded"], json!([]));
}

#[test]
fn the_command_line_pauses_runs_a_workflow_and_those_of_a_filter() {
    let host = Host::start();
    host.deploy("script", "script");
    let cli = Cli::of(&host);
    let runs: Vec<Run> = (0..3)
        .map(|_| host.start_run("script", &json!({"sleep": 100_000_000})))
        .collect();
    for run in &runs {
        run.wait_for_status("suspended");
    }
    let one = cli.run(&["pause", runs[0].id()]).ok();
    assert_eq!(
        one,
        format!("run {} is suspended, and paused\n", runs[0].id())
    );
    let all = cli.run(&[
        "pause",
        "--workflow",
        "script",
        "--status",
        "suspended",
        "--yes",
    ]);
    assert_eq!(all.code, 0, "{}", all.stderr);
    for run in &runs {
        assert_eq!(paused(run), "run");
    }
    assert!(
        cli.run(&["show", runs[1].id()])
            .ok()
            .contains("the run itself")
    );
    let listed = cli.run(&["runs"]).ok();
    assert!(
        listed.lines().nth(1).unwrap().ends_with("paused"),
        "{listed}"
    );
    let workflow = cli.run(&["pause", "--workflow", "script"]).ok();
    assert_eq!(workflow, "paused: workflow script, 3 runs\n");
    assert!(
        cli.run(&["workflows", "show", "script"])
            .ok()
            .contains("(paused")
    );
    let still = cli.run(&["resume", runs[0].id()]).ok();
    assert!(still.contains("still paused with its workflow"), "{still}");
    let workflow = cli.run(&["resume", "--workflow", "script"]).ok();
    assert_eq!(workflow, "paused: 2 runs\n");
    let rest = cli.run(&[
        "resume",
        "--status",
        "suspended",
        "--workflow",
        "script",
        "--yes",
    ]);
    // One of them goes on already.
    assert_eq!(rest.code, 1, "{}", rest.stderr);
    for run in &runs {
        assert_eq!(paused(run), Value::Null);
    }
    let both = cli.run(&["pause", "--host", "--status", "suspended"]);
    assert_eq!(both.code, 2, "{}", both.stderr);
    host.post(
        "/v1/runs/actions",
        r#"{"action": "pause", "ids": [], "options": {"x": 1}}"#,
    )
    .expect_problem(400, "invalid-json");
}

#[test]
fn a_graceful_cancel_of_a_paused_run_waits_and_an_immediate_one_does_not() {
    let host = Host::start();
    let script = json!({"seq": [{"wait-cancel": 100_000_000}, {"step": "s", "value": 1}]});
    let graceful = host.script(&script);
    let immediate = host.script(&script);
    for run in [&graceful, &immediate] {
        run.wait_for_status("suspended");
        run.post("/pause", "").expect(200);
    }
    immediate.cancel().expect(200);
    assert_eq!(immediate.status(), "cancelled");
    assert_eq!(paused(&immediate), Value::Null);
    let asked = graceful
        .post("/cancel", r#"{"grace": "1s", "reason": "enough"}"#)
        .expect(200)
        .json();
    assert_eq!(asked["status"], "suspended");
    pause(Duration::from_millis(2_500));
    assert_eq!(graceful.status(), "suspended");
    graceful.post("/resume", "").expect(200);
    assert_eq!(graceful.output()[0], "enough");
}

#[test]
fn a_blocked_run_that_is_paused_goes_on_in_two_steps() {
    let host = Host::with(&["--when-broken", "block"]);
    let run = host.script(&json!({"trap": "a bug"}));
    run.wait_for_status("blocked");
    run.post("/pause", "").expect(200);
    assert_eq!(run.status(), "blocked");
    let resumed = run.post("/resume", "").expect(200).json();
    assert_eq!(resumed["status"], "blocked");
    assert_eq!(resumed["paused"], Value::Null);
    run.post("/resume", "").expect_problem(409, "same-again");
    request("POST", format!("{}/v1/runs/{}/pause", host.url(), run.id()))
        .send()
        .expect(200);
    run.cancel().expect(200);
    assert_eq!(run.status(), "cancelled");
}

#[test]
fn a_kill_in_the_middle_of_a_resume_loses_nothing() {
    let mut host = Host::start();
    host.deploy("script", "script");
    post_to(&host, "/v1/workflows/script/pause");
    let runs: Vec<Run> = (0..150)
        .map(|_| host.start_run("script", &json!({"step": "s", "value": 1})))
        .collect();
    // What is due is set aside by the look for it at a start.
    host.kill();
    host.resume();
    settle(&host);
    let ids: Vec<String> = runs.iter().map(|run| run.id().to_owned()).collect();
    post_to(&host, "/v1/workflows/script/resume");
    host.kill();
    host.resume();
    for id in ids {
        let run = host.run(&id);
        assert_eq!(run.output(), 1);
    }
}

#[test]
fn a_body_that_says_something_is_refused_and_changes_nothing() {
    let host = Host::start();
    let run = host.script(&waits());
    run.wait_for_status("suspended");
    let of_run = |verb: &str| format!("/v1/runs/{}/{verb}", run.id());
    for verb in ["pause", "resume"] {
        let paths = [
            format!("/v1/{verb}"),
            format!("/v1/workflows/script/{verb}"),
            of_run(verb),
        ];
        for path in paths {
            for body in [r#"{"workflow": "script"}"#, "[]", "x"] {
                let problem = host.post(&path, body).expect_problem(400, "invalid-json");
                assert!(problem.detail().contains(verb), "{}", problem.detail());
            }
            let nothing = json!({"host": null, "workflows": {}, "runs": 0});
            if verb == "pause" {
                assert_eq!(host.get("/v1/pause").expect(200).json(), nothing);
            }
        }
    }
    for path in [
        "/v1/pause".to_owned(),
        "/v1/resume".to_owned(),
        of_run("pause"),
    ] {
        host.post(&path, "{}").expect(200);
    }
    assert_eq!(paused(&run), "run");
    host.post(&of_run("resume"), " {} ").expect(200);
}
