//! The requests of operators and their tools to a host.

use dormouse_e2e::{Cli, Host, post};
use serde_json::{Value, json};

use crate::forms::verifying;

#[test]
fn a_host_says_that_it_lives_and_is_ready() {
    let host = Host::start();
    host.get("/healthz").expect(200);
    host.get("/readyz").expect(200);
}

#[test]
fn metrics_count_what_happened() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    post(run.hook("a"), "").expect(202);
    run.output();
    let metrics = host.get("/metrics").expect(200).text();
    for line in [
        "dormouse_runs_started_total 1",
        "dormouse_hook_requests_total{outcome=\"accepted\",status=\"202\"} 1",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} is not in\n{metrics}"
        );
    }
}

#[test]
fn the_openapi_document_has_every_path() {
    let host = Host::start();
    let document = host.get("/openapi.json").expect(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    for (path, method) in [
        ("/v1/workflows", "get"),
        ("/v1/workflows/{name}", "put"),
        ("/v1/workflows/{name}", "get"),
        ("/v1/workflows/{name}", "delete"),
        ("/v1/workflows/{name}/runs", "post"),
        ("/v1/runs", "get"),
        ("/v1/runs/{id}", "get"),
        ("/v1/runs/{id}/output", "get"),
        ("/v1/runs/{id}/journal", "get"),
        ("/v1/runs/{id}/logs", "get"),
        ("/v1/runs/{id}/webhooks", "get"),
        ("/v1/runs/{id}/cancel", "post"),
        ("/v1/runs/{id}/resume", "post"),
        ("/v1/events/{event}", "post"),
        ("/v1/runs/{id}/events/{event}", "post"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
        ("/openapi.json", "get"),
    ] {
        assert!(
            document["paths"][path][method].is_object(),
            "{method} {path}"
        );
    }
}

#[test]
fn an_unknown_route_is_404_and_a_wrong_method_is_405() {
    let host = Host::start();
    host.get("/v1/nothing").expect_problem(404, "unknown-path");
    let answer = host
        .request("DELETE", "/v1/runs")
        .send()
        .expect_problem(405, "method-not-allowed");
    assert!(answer.header("allow").unwrap().contains("GET"));
}

#[test]
fn degraded_parts_are_named() {
    let host = Host::start();
    let ready = host.get("/readyz").expect(200).json();
    assert_eq!(
        (&ready["status"], &ready["degraded"]),
        (&json!("ready"), &json!([]))
    );
    // How far the clock of this machine is ahead is not known, so it is not checked.
    assert!(ready["clock"]["step_seconds"].is_number(), "{ready}");
    assert!(ready["clock"]["steps"].is_u64(), "{ready}");
    let shown = Cli::of(&host).run(&["health"]).ok();
    assert!(shown.contains("\nclock: "), "{shown}");
    let metrics = host.get("/metrics").expect(200).text();
    for what in ["disk-full", "disk-reserve", "log", "secrets", "compiler"] {
        let line = format!("dormouse_degraded{{what=\"{what}\"}} 0");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    let key = [("DORMOUSE_SECRET_KEY", "01".repeat(32))];
    let key = key.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut host = Host::with_environment(&key, &[]);
    host.set_secret("s", "a-value-of-some-length", &verifying());
    assert_eq!(
        host.get("/readyz").expect(200).json()["degraded"],
        json!([])
    );
    host.kill();
    let data = host.data_dir();
    let without = Host::unstarted(&[]);
    std::fs::rename(&data, without.data_dir()).unwrap();
    let mut without = without;
    without.resume();
    let ready = without.get("/readyz").expect(200).json();
    assert_eq!(ready["degraded"][0]["what"], "secrets");
    let metrics = without.get("/metrics").expect(200).text();
    assert!(
        metrics.contains("dormouse_degraded{what=\"secrets\"} 1"),
        "{metrics}"
    );
}

#[test]
fn the_log_can_be_json() {
    let mut host = Host::with(&["--log-format", "json", "--log", "info,dormouse=debug"]);
    host.script(&json!({"now": true})).output();
    assert!(host.stop().success());
    let log = host.log();
    assert!(log.lines().count() > 2, "{log}");
    for line in log.lines() {
        assert!(
            serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()),
            "{line}"
        );
    }
}
