//! The limits of a scenario: a workflow without an end does not keep its author waiting without
//! end.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dormouse_engine::{Config, Engine};
use dormouse_journal::Response;
use dormouse_scenario::{Code, InProcess, Rules, Scenario, play};

/// Returns the scripted guest, and a limit on processor time that is used up at once.
fn code() -> Code {
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/script.wasm");
    let guest = std::fs::read(guest).unwrap_or_else(|error| {
        panic!("the guest script: {error}. Run `cargo xtask build --guests-only` first")
    });
    let engine = Engine::new(&Config { slots: 8 }).unwrap();
    Code {
        workflows: vec![("script".into(), guest.into())],
        compiler: Arc::new(InProcess::new(engine.clone())),
        engine,
        // Each reading of this clock is one second later than the one before.
        thread_time: counting::seconds,
        most_time: Duration::from_secs(1),
        make_response: |_| Response {
            status: 202,
            headers: Vec::new(),
            body: Bytes::new(),
        },
        rules: Rules {
            check: |_| Ok(()),
            follow: |_, _| Ok(None),
        },
    }
}

mod counting {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    static SECONDS: AtomicU64 = AtomicU64::new(0);

    pub(super) fn seconds() -> Duration {
        Duration::from_secs(SECONDS.fetch_add(1, Ordering::Relaxed))
    }
}

/// Returns why a scenario with this input failed. Every call in it is answered.
fn failed(input: &str) -> String {
    let scenario = Scenario::read(&format!("input = {input}\n[[answer]]\n")).unwrap();
    play(&scenario, &code()).failed.unwrap().message
}

#[test]
fn a_workflow_that_waits_again_and_again_is_ended() {
    let message = failed("{repeat = 100000, do = {sleep = 1000}}");
    assert!(
        message.contains("more than 1 s of processor time"),
        "{message}"
    );
}

#[test]
fn a_workflow_that_calls_again_and_again_without_waiting_is_ended() {
    let message = failed("{repeat = 100000, do = {call = {url = 'https://a.example/'}}}");
    assert!(
        message.contains("more than 1 s of processor time"),
        "{message}"
    );
}
