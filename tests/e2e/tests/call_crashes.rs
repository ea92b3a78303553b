//! The host is killed during a call: the key stays the same, the count of attempts continues, and no attempt is
//! one too many.

use std::time::Duration;

use dormouse_e2e::{Host, Reply, Service, pause, with_enough_time};
use serde_json::json;

#[test]
fn one_idempotency_key_through_a_crash() {
    let service = Service::start(|request| match request.number {
        0 => Reply::Hang,
        _ => Reply::status(200),
    });
    let mut host = Host::start();
    let run =
        host.script(&json!({"call": {"method": "POST", "url": service.url(), "body": "pay"}}));
    service.wait_for(1);
    host.restart();
    assert_eq!(run.output()["status"], 200);
    let requests = service.requests();
    assert_eq!(requests.len(), 2);
    let keys: Vec<_> = requests
        .iter()
        .map(|request| request.header("idempotency-key").unwrap())
        .collect();
    assert_eq!(keys[0], keys[1]);
    assert_eq!(
        (&requests[0].body, &requests[1].body),
        (&b"pay".to_vec(), &b"pay".to_vec())
    );
}

#[test]
fn a_single_attempt_cut_off_by_a_crash_is_interrupted_and_never_sent_again() {
    let service = Service::start(|_| Reply::Hang);
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [
        {"call": {"method": "POST", "url": service.url(), "attempts": 1}},
        {"sleep": 500},
    ]}));
    service.wait_for(1);
    host.restart();
    assert_eq!(run.output()[0], json!({"error": "interrupted"}));
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn an_attempt_cut_off_by_a_crash_counts() {
    let service = Service::start(|_| Reply::Hang);
    let mut host = Host::start();
    let run = host.script(&json!({"call": {"url": service.url(), "attempts": 2, "delay_ms": 1}}));
    service.wait_for(1);
    host.restart();
    service.wait_for(2);
    host.restart();
    assert_eq!(run.output(), json!({"error": "interrupted"}));
    assert_eq!(service.requests().len(), 2);
}

#[test]
fn count_and_time_of_the_next_attempt_survive_a_crash() {
    let mut host = Host::start();
    with_enough_time("an answer that is recorded before a crash", 500, |time| {
        let retry_after = 6 * time;
        let service = Service::start(move |request| match request.number {
            0 => Reply::status(503).header("Retry-After", &(retry_after / 1_000).to_string()),
            _ => Reply::status(503),
        });
        let run =
            host.script(&json!({"call": {"url": service.url(), "attempts": 3, "delay_ms": 1}}));
        service.wait_for(1);
        // The answer has to be recorded before the host is gone, and that shows nowhere. If it was not, the next
        // attempt came early.
        pause(Duration::from_millis(time));
        host.restart();
        assert_eq!(run.output()["status"], 503);
        let requests = service.requests();
        assert_eq!(requests.len(), 3);
        let waited = requests[1].since.after(requests[0].since);
        (waited >= Duration::from_millis(retry_after - 10)).then_some(())
    });
}
