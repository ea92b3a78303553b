//! Runs the whole host twice: two workflows, a crash and a restart, on one thread in simulated time. Every write to
//! the disk must be the same.

use bytes::Bytes;
use dormouse_journal::Response;
use dormouse_runtime::Settings;
use dormouse_sim::{Operation, SimEgress, StoreKind, World, on_both};

fn service() -> SimEgress {
    SimEgress::new(|_| {
        Ok(Response {
            status: 202,
            headers: Vec::new(),
            body: Bytes::new(),
        })
    })
}

/// The result has everything that the guest sees of the clock and of randomness.
fn scripted() -> serde_json::Value {
    serde_json::json!({"seq": [
        {"random": 8}, {"now": true}, {"sleep": 4_000}, {"step": "s", "value": 7},
        {"race": [{"sleep": 60_000}, {"sleep": 2_000}]}, {"now": true}, {"random": 8},
    ]})
}

struct HostTrace {
    results: (String, String),
    writes: Vec<Operation>,
    kept: u64,
}

fn run_host(store_kind: StoreKind, seed: u64) -> HostTrace {
    let world = World::new(store_kind, seed, service(), Settings::default());
    let host = world.host();
    world.deploy(&host, "progress");
    world.deploy(&host, "script");
    let input =
        serde_json::json!({"service_url": "http://service.example/jobs", "timeout_ms": 300_000});
    let progress = world.start(&host, "progress", &input);
    let script = world.start(&host, "script", &scripted());
    let url = world.url(progress);
    world.pass(1_000);
    world.post(&host, &url, &[], r#"{"done":1}"#).unwrap();
    world.crash(host, 2_000);

    let host = world.host();
    world.pass(10);
    world
        .post(&host, &url, &[("x-task-finished", "true")], r#"{"done":2}"#)
        .unwrap();
    let results = (
        world.result(&host, progress).to_string(),
        world.result(&host, script).to_string(),
    );
    world.run(host.stop());
    HostTrace {
        results,
        writes: world.disk().log(),
        kept: world.digest(),
    }
}

fn the_whole_host_gives_the_same_bytes_twice(store_kind: StoreKind) {
    let first = run_host(store_kind, 1);
    assert_eq!(first.results.0, r#"[{"done":1},{"done":2}]"#);
    let second = run_host(store_kind, 1);
    assert_eq!(first.results, second.results);
    assert_eq!(first.writes.len(), second.writes.len());
    let differs = first
        .writes
        .iter()
        .zip(&second.writes)
        .position(|(first, second)| first != second);
    assert_eq!(differs, None, "the place of the first write that differs");

    assert_eq!(first.kept, second.kept);

    let other = run_host(store_kind, 2);
    assert_ne!(
        first.results.1, other.results.1,
        "another seed gives other randomness"
    );
}

on_both! {
    the_whole_host_gives_the_same_bytes_twice,
}
