//! Bodies that are compressed, or begin with a byte order mark.

use dormouse_e2e::{Host, Reply, Service, post, request};
use serde_json::json;

/// `[1]`, by gzip.
const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\x8b6\x8c\x05\0\xb82/L\x03\0\0\0";

/// What precedes text in UTF-8 that some programs of Windows write.
const MARK: &str = "\u{feff}";

#[test]
fn a_workflow_reads_them() {
    let service = Service::start(|_| Reply::status(202).header("content-encoding", "gzip"));
    let host = Host::start();
    host.deploy("progress", "progress");
    let input = json!({"service_url": service.url(), "timeout_ms": 600_000});
    let start = host
        .request("POST", "/v1/workflows/progress/runs")
        .header("content-type", "application/json");
    let started = start.body(format!("{MARK}{input}")).send().expect(202);
    let run = host.run(&started.field("id"));
    let hook = service.wait_for(1)[0].field("webhookUrl");
    post(&hook, format!("{MARK}{{}}")).expect(202);
    let compressed = request("POST", &hook).body(GZIP);
    compressed
        .header("content-encoding", "gzip")
        .header("x-task-finished", "true")
        .send()
        .expect(202);
    assert_eq!(run.output(), json!([{}, [1]]));
}

#[test]
fn a_compressed_input_is_refused_by_name() {
    let host = Host::start();
    host.deploy("script", "script");
    let start = |body: &[u8]| {
        host.request("POST", "/v1/workflows/script/runs")
            .header("content-type", "application/json")
            .body(body)
    };
    let answer = start(GZIP).header("content-encoding", "gzip").send();
    let answer = answer.expect_problem(415, "unsupported-encoding");
    assert!(answer.detail().contains("gzip"), "{answer:?}");
    assert_eq!(answer.header("accept-encoding"), Some("identity"));
    let answer = start(GZIP).send();
    let answer = answer.expect_problem(400, "invalid-json");
    assert!(answer.detail().contains("gzip"), "{answer:?}");
    let event = host.request("POST", "/v1/events/go").body(GZIP);
    let answer = event.header("content-encoding", "gzip").send();
    answer.expect_problem(415, "unsupported-encoding");
}
