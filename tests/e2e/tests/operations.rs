//! What operators and their tools ask of a host.

use dormouse_e2e::{Host, post};
use serde_json::json;

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
        "dormouse_hook_requests_total{status=\"202\"} 1",
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
fn what_is_not_there_is_404_and_what_does_not_work_so_is_405() {
    let host = Host::start();
    host.get("/v1/nothing").expect_problem(404, "unknown-path");
    let answer = host
        .request("DELETE", "/v1/runs")
        .send()
        .expect_problem(405, "method-not-allowed");
    assert!(answer.header("allow").unwrap().contains("GET"));
}
