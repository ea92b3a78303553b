//! Runs that are inspected, started again, and deleted.

use dormouse_e2e::{Answer, Cli, Host, Reply, Service, post, request, wait_until};
use serde_json::{Value, json};

const STEP: &str = r#"{"step": "s", "value": 7}"#;

fn delete(host: &Host, id: &str) -> Answer {
    request("DELETE", format!("{}/v1/runs/{id}", host.url())).send()
}

fn restart(host: &Host, id: &str, body: &str) -> Answer {
    post(format!("{}/v1/runs/{id}/restart", host.url()), body)
}

#[test]
fn an_input_is_given_as_it_was_sent() {
    let host = Host::start();
    host.deploy("script", "script");
    let run = host.start_run("script", &json!({"step": "s", "value": [1, "é"]}));
    let path = format!("/v1/runs/{}/input", run.id());
    let input = host.get(&path).expect(200);
    assert_eq!(input.header("content-type"), Some("application/json"));
    assert_eq!(input.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(input.json(), json!({"step": "s", "value": [1, "é"]}));
    // One that lies apart from its run.
    let large = json!({"step": "s", "value": "x".repeat(100_000)});
    let run = host.start_run("script", &large);
    let path = format!("/v1/runs/{}/input", run.id());
    assert_eq!(host.get(&path).expect(200).json(), large);
    host.get("/v1/runs/0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6/input")
        .expect_problem(404, "unknown-run");
}

#[test]
fn a_run_is_restarted_with_its_input_or_another() {
    let host = Host::start();
    let failed = host.script(&json!({"seq": [{"headers": true}, {"trap": "on purpose"}]}));
    failed.end();
    let again = restart(&host, failed.id(), "").expect(202).json();
    let again = host.run(again["id"].as_str().unwrap());
    assert_ne!(again.id(), failed.id());
    again.end();
    assert_eq!(again.show()["restarted"], failed.id());
    assert_eq!(again.show()["status"], "failed");
    assert_eq!(failed.show()["restarted"], Value::Null);

    let fixed = restart(&host, failed.id(), &format!("{{\"input\": {STEP}}}")).expect(202);
    let fixed = host.run(fixed.json()["id"].as_str().unwrap());
    assert_eq!(fixed.output(), 7);
    assert_eq!(fixed.show()["restarted"], failed.id());

    let same = |body: &str| {
        request(
            "POST",
            format!("{}/v1/runs/{}/restart", host.url(), failed.id()),
        )
        .header("idempotency-key", "k")
        .body(body)
        .send()
    };
    let first = same("").expect(202).json()["id"].clone();
    assert_eq!(same("").expect(200).json()["id"], first);
    same(r#"{"input": 1}"#).expect_problem(422, "idempotency-key-reused");

    for body in ["{", "[]", r#"{"inptu": 1}"#] {
        let problem = restart(&host, failed.id(), body).expect_problem(400, "invalid-json");
        if body.contains("inptu") {
            assert!(problem.detail().contains("inptu"));
        }
    }
    restart(&host, "0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6", "").expect_problem(404, "unknown-run");
    request("DELETE", format!("{}/v1/workflows/script", host.url()))
        .send()
        .expect(204);
    restart(&host, failed.id(), "").expect_problem(410, "workflow-deleted");
}

#[test]
fn an_ended_run_is_deleted_and_its_urls_stay_gone_across_a_restart() {
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    let hook = run.hook("a");
    let problem = delete(&host, run.id()).expect_problem(409, "not-ended");
    assert!(problem.detail().contains("cancel"));
    run.cancel().expect(200);
    assert_eq!(
        delete(&host, run.id()).expect(200).json()["status"],
        "cancelled"
    );
    for _ in 0..2 {
        host.get(&format!("/v1/runs/{}", run.id()))
            .expect_problem(404, "unknown-run");
        delete(&host, run.id()).expect_problem(404, "unknown-run");
        let hook = hook.replace(hook.split("/hooks/").next().unwrap(), &host.url());
        post(&hook, "late").expect_problem(410, "webhook-gone");
        assert!(host.stop().success());
        host.resume();
    }
}

#[test]
fn a_call_that_is_tried_again_says_how_often_and_why() {
    let service = Service::start(|_| Reply::status(503));
    let host = Host::start();
    let call = json!({"call": {"url": service.url(), "attempts": 3, "delay_ms": 3_600_000}, "as": "charge"});
    let run = host.script(&call);
    let waiting = wait_until("the attempt to have failed", || {
        let waiting = run.show()["waiting"][0].clone();
        waiting["last_error"].is_string().then_some(waiting)
    });
    assert_eq!(waiting["last_error"], "status 503");
    assert_eq!(waiting["attempts"], 1);
    assert!(waiting["next_attempt"].is_string(), "{waiting}");
    let shown = Cli::of(&host).run(&["show", run.id()]).ok();
    assert!(
        shown.contains("\"charge\" was attempted 1 time: status 503; next attempt in "),
        "{shown}"
    );
    let log = host.log();
    assert_eq!(log.matches("a call is tried again").count(), 1, "{log}");
}

#[test]
fn commands_take_beginnings_of_ids_and_several_runs() {
    let host = Host::start();
    let cli = Cli::of(&host);
    let waiting = json!({"event": "never"});
    let runs: Vec<String> = (0..3)
        .map(|_| host.script(&waiting).id().to_owned())
        .collect();
    let quiet = cli.run(&["runs", "--quiet"]).ok();
    let newest_first: Vec<&str> = quiet.lines().collect();
    assert_eq!(newest_first, [&runs[2], &runs[1], &runs[0]]);

    let several = cli.run(&["show", &runs[0][..2]]);
    assert_eq!(several.code, 2, "{}", several.stderr);
    assert!(
        runs.iter().all(|run| several.stderr.contains(run)),
        "{}",
        several.stderr
    );
    let none = cli.run(&["show", "f"]);
    assert_eq!(none.code, 2, "{}", none.stderr);
    assert!(none.stderr.contains("no run"), "{}", none.stderr);
    let strange = cli.run(&["show", "id"]);
    assert_eq!(strange.code, 2, "{}", strange.stderr);
    assert!(
        strange.stderr.contains("\"id\" is not the id of a run"),
        "{}",
        strange.stderr
    );
    let almost = &runs[0][..35];
    assert!(cli.run(&["show", almost]).ok().contains(&runs[0]));
    assert_eq!(cli.run(&["input", almost]).ok(), waiting.to_string());

    let missing = "0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6";
    let cancelled = cli.run(&["cancel", &runs[0], missing, &runs[1]]);
    assert_eq!(cancelled.code, 1, "{}", cancelled.stderr);
    assert!(cancelled.stderr.contains("1 of 3 failed") && cancelled.stderr.contains(missing));
    for run in &runs[..2] {
        assert!(
            cancelled.stdout.contains(&format!("{run} is cancelled")),
            "{}",
            cancelled.stdout
        );
    }
    let deleted = cli.run(&["delete", &runs[0], &runs[1]]).ok();
    assert_eq!(deleted.lines().count(), 2, "{deleted}");
    assert_eq!(cli.run(&["runs", "--quiet"]).ok().trim(), runs[2]);

    let new = cli.run(&["restart", &runs[2], "--input", STEP]).ok();
    assert_eq!(host.run(new.trim()).output(), 7);
}
