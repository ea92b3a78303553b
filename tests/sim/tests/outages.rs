//! Services that are down for hours, and how long calls to them are tried, in simulated time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use dormouse_journal::{CallError, Request, Response, Status};
use dormouse_runtime::{Runtime, Settings};
use dormouse_sim::{SimEgress, StoreKind, World, on_both};
use serde_json::{Value, json};

const HOUR: u64 = 3_600_000;

/// Returns a host, and a service that cannot be reached until the flag is set.
fn world(store_kind: StoreKind) -> (World, Runtime, Arc<AtomicBool>) {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = up.clone();
    let egress = SimEgress::new(move |_: &Request| {
        if !is_up.load(Ordering::Relaxed) {
            return Err(CallError::Unreachable("connection refused".into()));
        }
        Ok(Response {
            status: 200,
            headers: Vec::new(),
            body: Bytes::new(),
        })
    });
    let world = World::new(store_kind, 19, egress, Settings::default());
    let host = world.host();
    world.deploy(&host, "script");
    (world, host, up)
}

fn call() -> Value {
    json!({"call": {"method": "POST", "url": "http://service.example/"}})
}

fn given_up_after(span: u64) -> Value {
    json!({"call": {"url": "http://service.example/", "give_up_after_ms": span}})
}

fn a_call_outlasts_an_outage_of_hours(store_kind: StoreKind) {
    let (world, host, up) = world(store_kind);
    let run = world.start(&host, "script", &call());
    world.pass(23 * HOUR);
    assert_ne!(world.status(run), Status::Completed);
    up.store(true, Ordering::Relaxed);
    world.pass(300_000);
    assert_eq!(world.result(&host, run)["status"], 200);
}

fn a_call_is_given_up_after_a_day_with_its_last_error(store_kind: StoreKind) {
    let (world, host, _up) = world(store_kind);
    let run = world.start(&host, "script", &call());
    world.pass(25 * HOUR);
    assert_eq!(world.result(&host, run), json!({"error": "unreachable"}));
    let sent = world.egress().timed();
    let (first, last) = (sent[0].0, sent[sent.len() - 1].0);
    assert!(last - first <= 24 * HOUR, "{}", last - first);
    assert!(last - first > 24 * HOUR - 600_000, "{}", last - first);
}

fn the_time_to_give_up_goes_on_while_the_host_is_down(store_kind: StoreKind) {
    let (world, host, up) = world(store_kind);
    let soon = world.start(&host, "script", &given_up_after(HOUR));
    let later = world.start(&host, "script", &given_up_after(8 * HOUR));
    world.pass(60_000);
    world.crash(host, 2 * HOUR);
    let sent = world.egress().sent().len();
    up.store(true, Ordering::Relaxed);
    let host = world.host();
    world.pass(300_000);
    // The host cannot know whether the last attempt was sent before it stopped.
    assert_eq!(world.result(&host, soon), json!({"error": "interrupted"}));
    assert_eq!(world.result(&host, later)["status"], 200);
    assert_eq!(world.egress().sent().len(), sent + 1);
}

/// The bodies of the first calls leave no memory for the body of the last call, until their time is
/// over.
fn a_call_that_the_host_cannot_make_in_time_is_not_made(store_kind: StoreKind) {
    let mut settings = Settings::default();
    settings.limits.memory_budget = 12 << 20;
    let egress = SimEgress::new(|_: &Request| Err(CallError::TimedOut)).after(|_| 1_000 * HOUR);
    let world = World::new(store_kind, 19, egress, settings);
    let host = world.host();
    world.deploy(&host, "script");
    let call = |give_up_after: u64| {
        json!({"call": {
            "method": "POST", "url": "http://service.example/", "body": "b".repeat(300_000),
            "timeout_ms": 600_000, "give_up_after_ms": give_up_after, "attempts": 1,
        }})
    };
    let before: Vec<_> = (0..6)
        .map(|_| world.start(&host, "script", &call(HOUR)))
        .collect();
    world.pass(500);
    let late = world.start(&host, "script", &call(1_000));
    world.pass(900_000);
    let output = |run| world.result(&host, run);
    assert_eq!(output(late), json!({"error": "too-late"}));
    assert!(
        before
            .into_iter()
            .all(|run| output(run) == json!({"error": "timed-out"}))
    );
    assert_eq!(world.egress().sent().len(), 6);
}

on_both! {
    a_call_outlasts_an_outage_of_hours,
    a_call_is_given_up_after_a_day_with_its_last_error,
    the_time_to_give_up_goes_on_while_the_host_is_down,
    a_call_that_the_host_cannot_make_in_time_is_not_made,
}
