//! Runs whose code breaks and which are then repaired.

use dormouse_e2e::{Cli, Host, Reply, Run, Service, guest, post, request, wait_until};
use serde_json::{Value, json};

/// Returns a host that blocks broken runs, on which the script is deployed, and the script's version.
fn host() -> (Host, String) {
    let host = Host::with(&["--allow-private-egress", "--when-broken", "block"]);
    let version = host.deploy("script", "script");
    (host, version)
}

/// The same program as another version: with a custom section at its end.
fn deploy_another(host: &Host, mark: u8) -> String {
    let mut component = guest("script");
    component.extend([0, 3, 1, b'x', mark]);
    let answer = host.upload("script", &component).expect(201).json();
    answer["version"].as_str().unwrap().to_owned()
}

/// Waits for the first request, and then breaks on this version only.
fn breaks_on(version: &str) -> Value {
    json!({"seq": [
        {"webhook": "a"},
        {"wait": "a"},
        {"step": "before", "value": 1},
        {"log": "about to break"},
        {"version": {version: {"trap": "a bug"}}, "else": {"step": "mended", "value": 2}},
        {"wait": "a"},
    ]})
}

fn repair(run: &Run, verb: &str, body: &Value) -> dormouse_e2e::Answer {
    run.post(&format!("/{verb}"), body.to_string())
}

#[test]
fn a_broken_run_continues_with_corrected_code_from_where_it_waited() {
    let (mut host, first) = host();
    let run = host.start_run("script", &breaks_on(&first));
    let hook = run.hook("a");
    post(&hook, "1").expect(202);
    let shown = run.wait_for_status("blocked");
    assert_eq!(shown["blocked_by"], "run");
    assert_eq!(shown["failure"]["code"], "trap");
    assert!(
        shown["failure"]["message"]
            .as_str()
            .unwrap()
            .contains("a bug")
    );
    assert!(run.logs().to_string().contains("about to break"));
    // What it is sent meanwhile is kept, and a restart of the host does not try it again.
    post(&hook, "2").expect(202);
    let id = run.id().to_owned();
    host.restart();
    let run = host.run(&id);
    assert_eq!(run.status(), "blocked");
    assert_eq!(run.queued(), 2);

    let problem = repair(&run, "retry", &json!({})).expect_problem(409, "same-again");
    assert!(problem.detail().contains("trap"), "{}", problem.detail());
    repair(&run, "retry", &json!({"anyway": true})).expect(200);
    wait_until("it breaks again", || {
        (run.show()["tries"] == 1 && run.status() == "blocked").then_some(())
    });

    let second = deploy_another(&host, 1);
    let dry = repair(&run, "retry", &json!({"dry_run": true}))
        .expect(200)
        .json();
    assert_eq!(dry["version"], second);
    assert_eq!(run.status(), "blocked");
    let retried = repair(&run, "retry", &json!({})).expect(200).json();
    assert_eq!(retried["version"], second);
    let output = run.output();
    assert_eq!(output[2], 1);
    assert_eq!(output[4], 2);
    assert_eq!(output[5]["body"], "Mg==");
    assert_eq!(run.show()["version"], second);
    assert_eq!(run.show()["tries"], 2);
    let logs = run.logs().to_string();
    assert_eq!(logs.matches("about to break").count(), 1, "{logs}");
    repair(&run, "retry", &json!({})).expect_problem(409, "run-ended");
    repair(&run, "move", &json!({"version": first})).expect_problem(409, "run-ended");
}

#[test]
fn a_run_is_moved_to_code_that_repeats_it_and_to_no_other() {
    let (host, first) = host();
    let second = deploy_another(&host, 1);
    let third = deploy_another(&host, 2);
    let run = host.post(
        &format!("/v1/workflows/script/runs?version={first}"),
        json!({"seq": [
            {"step": "s", "value": 1},
            {"version": {(third.as_str()): {"sleep": 60_000_001}}, "else": {"sleep": 60_000_000}, },
        ]})
        .to_string(),
    );
    let run = host.run(run.expect(202).json()["id"].as_str().unwrap());
    run.wait_for_status("suspended");

    let differs = repair(&run, "move", &json!({"version": third})).expect_problem(409, "differs");
    let difference = differs.json()["difference"].clone();
    assert_eq!(difference["operation"], 1);
    assert_eq!(difference["activation"], 0);
    let recorded = json!({
        "kind": "sleep", "step": difference["recorded"]["step"], "digest": difference["recorded"]["digest"],
        "arguments": {"duration_ms": 60_000_000},
    });
    assert_eq!(difference["recorded"], recorded);
    assert_eq!(difference["made"]["arguments"]["duration_ms"], 60_000_001);
    assert_eq!(difference["differs"], json!(["duration_ms"]));
    assert_eq!(run.show()["version"], first);
    let cli = Cli::of(&host).run(&["move", "--to", &third, run.id()]);
    assert_eq!(cli.code, 1, "{}", cli.stderr);
    assert!(
        cli.stderr.contains("duration_ms: 60000001"),
        "{}",
        cli.stderr
    );

    let dry = json!({"version": second, "dry_run": true});
    assert_eq!(
        repair(&run, "move", &dry).expect(200).json()["version"],
        second
    );
    assert_eq!(run.show()["version"], first);
    repair(&run, "move", &json!({"version": second})).expect(200);
    assert_eq!(run.show()["version"], second);
    assert_eq!(run.status(), "suspended");

    // The command takes the beginning of a version, for a run and for a workflow.
    let cli = Cli::of(&host);
    let (first_begins, second_begins) = (&first[..12], &second[..12]);
    cli.run(&["move", "--to", first_begins, run.id()]).ok();
    assert_eq!(run.show()["version"], first);
    let of_workflow = [
        "--workflow",
        "script",
        "--from-version",
        first_begins,
        "--yes",
    ];
    cli.run(&[&["move", "--to", second_begins][..], &of_workflow].concat())
        .ok();
    assert_eq!(run.show()["version"], second);
    let unknown = cli.run(&["retry", "--on", "x", run.id()]);
    assert_eq!(unknown.code, 2, "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("no version that begins with \"x\""),
        "{}",
        unknown.stderr
    );

    repair(&run, "move", &json!({"version": "0".repeat(64)}))
        .expect_problem(404, "unknown-version");
    repair(&run, "move", &json!({"version": "x"})).expect_problem(400, "invalid-version");
    run.post("/move", "").expect_problem(400, "invalid-json");
    repair(&run, "retry", &json!({})).expect_problem(409, "not-blocked");
    let nobody = format!(
        "{}/v1/runs/0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6/retry",
        host.url()
    );
    post(nobody, "").expect_problem(404, "unknown-run");
}

#[test]
fn a_workflow_says_whether_its_runs_that_break_fail() {
    let (host, _) = host();
    let settings = format!("{}/v1/workflows/script/settings", host.url());
    let put = |body: &str| request("PUT", &settings).body(body).send();
    let get = || request("GET", &settings).send().expect(200).json();
    assert_eq!(get()["when_broken"], Value::Null);
    put(r#"{"when_broken": "fail"}"#).expect(200);
    assert_eq!(get()["when_broken"], "fail");
    let run = host.start_run("script", &json!({"trap": "a bug"}));
    assert_eq!(run.failure().0, "trap");
    // What it returns as an error fails a run in any case.
    put("{}").expect(200);
    let run = host.start_run("script", &json!({"fail": {"code": "c", "message": "m"}}));
    assert_eq!(run.failure().0, "c");
    let run = host.start_run("script", &json!({"trap": "a bug"}));
    run.wait_for_status("blocked");
    run.cancel().expect(200);

    put(r#"{"when_broken": "never"}"#).expect_problem(400, "invalid-json");
    put("").expect_problem(400, "invalid-json");
    request("PUT", format!("{}/v1/workflows/none/settings", host.url()))
        .body("{}")
        .send()
        .expect_problem(404, "unknown-workflow");
}

#[test]
fn start_with_wait_reports_that_the_run_broke() {
    let (host, _) = host();
    let cli = Cli::of(&host).run(&[
        "start",
        "script",
        "--wait",
        "--input",
        r#"{"trap": "a bug"}"#,
    ]);
    assert_eq!(cli.code, 1);
    assert!(cli.stderr.contains("is blocked"), "{}", cli.stderr);
    assert!(cli.stderr.contains("dormouse retry"), "{}", cli.stderr);
}

#[test]
fn a_run_that_nobody_repairs_fails_in_the_end() {
    let host = Host::with(&["--when-broken", "block", "--broken-retention", "1ms"]);
    let run = host.script(&json!({"trap": "a bug"}));
    assert_eq!(run.failure().0, "trap");
}

#[test]
fn a_broken_activation_has_no_effects_and_takes_effect_once_after_a_correction() {
    let (host, first) = host();
    let script = json!({"seq": [
        {"start": {"workflow": "script", "input": {"step": "child", "value": 1}}, "as": "early"},
        {"join": [
            {"start": {"workflow": "script", "input": {"step": "child", "value": 2}}, "as": "late"},
            {"version": {(first.as_str()): {"trap": "a bug"}}, "else": {"step": "mended", "value": 0}},
        ]},
        {"await-run": "late"},
    ]});
    let run = host.start_run("script", &script);
    run.wait_for_status("blocked");
    let all = || {
        let page = host.get("/v1/runs?workflow=script").expect(200).json();
        page["runs"].as_array().unwrap().len()
    };
    wait_until("the first child is there", || (all() == 2).then_some(()));
    deploy_another(&host, 1);
    repair(&run, "retry", &json!({})).expect(200);
    assert_eq!(run.output()[2], json!({"completed": 2}));
    assert_eq!(all(), 3);
}

#[test]
fn many_runs_are_retried_and_moved_at_once() {
    let (host, first) = host();
    let broken: Vec<Run> = (0..3)
        .map(|_| host.start_run("script", &breaks_on(&first)))
        .collect();
    for run in &broken {
        post(run.hook("a"), "1").expect(202);
        post(run.hook("a"), "2").expect(202);
        run.wait_for_status("blocked");
    }
    let sleeping = host.start_run("script", &json!({"sleep": 60_000_000}));
    sleeping.wait_for_status("suspended");
    let second = deploy_another(&host, 1);

    let cli = Cli::of(&host);
    let moved = cli.run(&["move", "--to", &second, "--status", "suspended", "--yes"]);
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    assert_eq!(sleeping.show()["version"], second);
    let retried = cli.run(&["retry", "--status", "blocked", "--yes"]);
    assert_eq!(retried.code, 0, "{}", retried.stderr);
    for run in &broken {
        run.output();
        assert_eq!(run.show()["version"], second);
    }
}

/// A call differs in its body and in nothing else that is recorded.
#[test]
fn the_arguments_that_differ_are_named_and_shown_as_far_as_they_are_kept() {
    let answers = Service::start(|_| Reply::status(200));
    let silent = Service::start(|_| Reply::status(503));
    let host = Host::start();
    let first = host.deploy("script", "script");
    let call = |service: &Service, body: &str| {
        json!({"call": {
            "method": "POST", "url": service.url(), "body": body, "headers": [["x-token", "hidden"]], "delay_ms": 3_600_000,
        }, "as": "charge"})
    };
    let by_version = |service: &Service| {
        let (old, new) = (call(service, "old body"), call(service, "new body"));
        json!({"seq": [{"version": {(first.as_str()): old}, "else": new}, {"sleep": 60_000_000}]})
    };
    let answered = host.start_run("script", &by_version(&answers));
    let waiting = host.start_run("script", &by_version(&silent));
    answered.wait_for_status("suspended");
    wait_until("the attempt to have failed", || {
        waiting.show()["waiting"][0]["last_error"]
            .is_string()
            .then_some(())
    });
    let second = deploy_another(&host, 1);
    let to = json!({"version": second});
    let difference = |run: &Run| {
        let problem = repair(run, "move", &to).expect_problem(409, "differs");
        assert!(
            problem.detail().contains("Arguments that differ: body"),
            "{}",
            problem.detail()
        );
        let difference = problem.json()["difference"].clone();
        assert_eq!(difference["differs"], json!(["body"]));
        assert_eq!(difference["operation"], 0);
        assert_eq!(
            difference["made"]["arguments"]["body"]["begins"],
            "new body"
        );
        assert!(!difference.to_string().contains("hidden"), "{difference}");
        difference
    };
    // What was sent and answered is not kept, but that it was another is known.
    let gone = difference(&answered);
    assert_eq!(
        gone["recorded"]["arguments"]["body"],
        serde_json::Value::Null
    );
    assert_eq!(gone["recorded"]["arguments"]["method"], "POST");
    let kept = difference(&waiting);
    assert_eq!(kept["recorded"]["arguments"]["body"]["begins"], "old body");
    let cli = Cli::of(&host).run(&["move", "--to", &second, waiting.id()]);
    assert!(
        cli.stderr.contains("old body") && cli.stderr.contains("new body"),
        "{}",
        cli.stderr
    );
}

#[test]
fn a_try_that_broke_keeps_what_it_did_and_ten_of_them_are_kept() {
    let (mut host, first) = host();
    let script = json!({"seq": [
        {"webhook": "a"},
        {"wait": "a"},
        {"log": "about to break"},
        {"step": "before", "value": 1},
        {"version": {(first.as_str()): {"trap": "a bug"}}, "else": {"step": "mended", "value": 2}},
    ]});
    let run = host.start_run("script", &script);
    post(run.hook("a"), "x").expect(202);
    run.wait_for_status("blocked");
    let id = run.id().to_owned();
    for tries in 0..11 {
        wait_until("it breaks again", || {
            (run.status() == "blocked"
                && run.show()["failed_tries"].as_array()?.len() > tries.min(9))
            .then_some(())
        });
        repair(&run, "retry", &json!({"anyway": true})).expect(200);
        wait_until("the next try", || {
            (run.show()["failed_tries"].as_array()?.last()?["tries"] == tries + 1).then_some(())
        });
    }
    host.restart();
    let run = host.run(&id);
    let kept = run.show()["failed_tries"].clone();
    let kept = kept.as_array().unwrap();
    assert_eq!(kept.len(), 10);
    assert_eq!(kept[0]["tries"], 2);
    let last = &kept[9];
    assert_eq!(
        (&last["failure"]["code"], &last["version"]),
        (&json!("trap"), &json!(first))
    );
    let before = json!([{"operation": 2, "kind": "begin", "step": "before"}]);
    assert_eq!(last["operations"], before);
    assert_eq!(last["logs"][0]["message"], "about to break");
    let shown = Cli::of(&host).run(&["show", run.id()]).ok();
    assert!(
        shown.contains("failed tries") && shown.contains("2 begin \"before\""),
        "{shown}"
    );

    deploy_another(&host, 1);
    repair(&run, "retry", &json!({})).expect(200);
    run.output();
    assert_eq!(run.show()["failed_tries"].as_array().unwrap().len(), 10);
}
