//! The whole host twice: two workflows, a crash and a restart, on one thread in simulated time, and every write to the
//! disk the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use bytes::Bytes;
use dormouse_journal::{Request, Response, RunId, Status, json_payload};
use dormouse_runtime::{Incoming, Received, Runtime, Settings, Start};
use dormouse_sim::{Operation, SimEgress, World, guest};

fn service() -> SimEgress {
    SimEgress::new(|_| {
        Ok(Response {
            status: 202,
            headers: Vec::new(),
            body: Bytes::new(),
        })
    })
}

fn start(world: &World, host: &Runtime, workflow: &str, input: &serde_json::Value) -> RunId {
    let start = Start {
        workflow: workflow.into(),
        version: None,
        input: json_payload(input.to_string()),
        headers: Vec::new(),
        idempotency_key: None,
    };
    world.run(host.start(start)).unwrap().0
}

/// Calls the webhook whose URL the service was sent last.
fn call(world: &World, host: &Runtime, body: &str, finished: bool) {
    let sent = world.egress().sent();
    let job: serde_json::Value = serde_json::from_slice(&sent.last().unwrap().body).unwrap();
    let url = job["webhookUrl"].as_str().unwrap().to_owned();
    let token = host
        .read_token(url.rsplit('/').next().unwrap())
        .expect("a token of this host");
    let mut headers = vec![(
        "content-type".to_owned(),
        Bytes::from_static(b"application/json"),
    )];
    if finished {
        headers.push(("x-task-finished".into(), Bytes::from_static(b"true")));
    }
    let request = Request {
        method: "POST".into(),
        url,
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    let received = world
        .run(host.receive(Incoming {
            token,
            request,
            key: None,
        }))
        .unwrap();
    assert!(
        matches!(received, Received::Accepted { .. }),
        "{received:?}"
    );
}

fn output(world: &World, host: &Runtime, run: RunId) -> String {
    world.finish(host, run);
    let snapshot = host.read().unwrap();
    let state = snapshot.state(run).unwrap().unwrap();
    assert_eq!(state.status, Status::Completed, "{:?}", state.failure);
    String::from_utf8(snapshot.output(run).unwrap().unwrap().body.to_vec()).unwrap()
}

/// What the guest sees of clock and randomness is in its result.
fn scripted() -> serde_json::Value {
    serde_json::json!({"seq": [
        {"random": 8}, {"now": true}, {"sleep": 4_000}, {"step": "s", "value": 7},
        {"race": [{"sleep": 60_000}, {"sleep": 2_000}]}, {"now": true}, {"random": 8},
    ]})
}

struct Story {
    results: (String, String),
    writes: Vec<Operation>,
}

fn tell(seed: u64) -> Story {
    let world = World::new(seed, service(), Settings::default());
    let host = world.host();
    world
        .run(host.deploy("progress", guest("progress")))
        .unwrap();
    world.run(host.deploy("script", guest("script"))).unwrap();
    let input =
        serde_json::json!({"service_url": "http://service.example/jobs", "timeout_ms": 300_000});
    let progress = start(&world, &host, "progress", &input);
    let script = start(&world, &host, "script", &scripted());
    world.pass(1_000);
    call(&world, &host, r#"{"done":1}"#, false);
    world.crash(host, 2_000);

    let host = world.host();
    world.pass(10);
    call(&world, &host, r#"{"done":2}"#, true);
    let results = (
        output(&world, &host, progress),
        output(&world, &host, script),
    );
    world.run(host.stop());
    Story {
        results,
        writes: world.disk().log(),
    }
}

#[test]
fn the_whole_host_gives_the_same_bytes_twice() {
    let first = tell(1);
    assert_eq!(first.results.0, r#"[{"done":1},{"done":2}]"#);
    let second = tell(1);
    assert_eq!(first.results, second.results);
    assert_eq!(first.writes.len(), second.writes.len());
    let differs = first
        .writes
        .iter()
        .zip(&second.writes)
        .position(|(first, second)| first != second);
    assert_eq!(differs, None, "the place of the first write that differs");

    let other = tell(2);
    assert_ne!(
        first.results.1, other.results.1,
        "another seed gives other randomness"
    );
}
