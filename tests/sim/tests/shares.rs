//! Shares: a neighbour's call is sent and a neighbour's run is executed, however much work one run or one workflow has.

use bytes::Bytes;
use dormouse_journal::{Request, Response, RunId, Status};
use dormouse_runtime::{Runtime, Settings};
use dormouse_sim::{SimEgress, StoreKind, World, guest, on_both};
use serde_json::{Value, json};

const HOUR: u64 = 3_600_000;

/// A time that is longer than any machine will run.
const FOR_EVER: u64 = 1_000_000_000_000;

/// Returns a network in which requests to `hangs` get no answer, and all others are answered at once.
fn network() -> SimEgress {
    let answer = |_: &Request| {
        Ok(Response {
            status: 200,
            headers: Vec::new(),
            body: Bytes::new(),
        })
    };
    let delay = |request: &Request| match request.url.contains("hangs") {
        true => FOR_EVER,
        false => 0,
    };
    SimEgress::new(answer).after(delay)
}

/// Returns a host with two workflows of the same code.
fn world(store_kind: StoreKind, change: impl FnOnce(&mut Settings)) -> (World, Runtime) {
    let mut settings = Settings::default();
    settings.limits.calls_in_flight = 32;
    change(&mut settings);
    let world = World::new(store_kind, 13, network(), settings);
    let host = world.host();
    world.deploy(&host, "script");
    world
        .run(host.deploy("neighbour", guest("script")))
        .unwrap();
    (world, host)
}

fn hanging(calls: usize, timeout: u64) -> Value {
    let call =
        json!({"call": {"url": "http://hangs.example/", "timeout_ms": timeout, "attempts": 1}});
    json!({"join": vec![call; calls]})
}

fn neighbours_call() -> Value {
    json!({"call": {"url": "http://answers.example/", "attempts": 1}})
}

fn sent(world: &World) -> usize {
    world.egress().sent().len()
}

/// Starts a run that makes a call, and returns true if the run has its result within a second.
fn is_served(world: &World, host: &Runtime, workflow: &str) -> bool {
    let run = world.start(host, workflow, &neighbours_call());
    world.pass(1_000);
    world.status(run) == Status::Completed
}

fn calls_that_hang_leave_calls_to_others(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |_| {});
    world.start(&host, "script", &hanging(1_500, HOUR));
    world.pass(1_000);
    assert_eq!(sent(&world), 8, "a run alone has a quarter");
    assert!(
        is_served(&world, &host, "script"),
        "another run of the workflow"
    );
    for _ in 0..9 {
        world.start(&host, "script", &hanging(100, HOUR));
    }
    world.pass(1_000);
    assert_eq!(sent(&world), 16 + 1, "a workflow alone has a half");
    assert!(is_served(&world, &host, "neighbour"));
    // Each hanging call has its turn when an earlier one times out, and all of them end.
    let before = sent(&world);
    world.pass(HOUR);
    assert!(sent(&world) >= before + 16, "{before}, {}", sent(&world));
    assert!(is_served(&world, &host, "neighbour"));
}

fn every_call_is_made_however_many_wait(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |settings| settings.limits.calls_in_flight = 400);
    let run = world.start(&host, "script", &hanging(2_000, 1_000));
    world.pass(1_000 * (2_000 / 100 + 10) + 60_000);
    assert_eq!(sent(&world), 2_000);
    assert_eq!(world.status(run), Status::Completed);
}

fn a_run_that_is_cancelled_gives_its_calls_back_at_once(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |settings| {
        settings.limits.calls_in_flight = 1;
        settings.limits.call_timeout_limit = FOR_EVER;
    });
    let run = world.start(&host, "script", &hanging(5, FOR_EVER));
    world.pass(1_000);
    let other = world.start(&host, "neighbour", &neighbours_call());
    world.pass(1_000);
    assert_eq!(
        world.status(other),
        Status::Running,
        "there is one call at once"
    );
    world
        .run(host.cancel(run, dormouse_journal::CancelOptions::default()))
        .unwrap();
    world.pass(100);
    assert_eq!(world.status(other), Status::Completed);
    assert_eq!(sent(&world), 2);
}

fn an_attempt_is_capped_whatever_its_workflow_says(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |_| {});
    let run = world.start(&host, "script", &hanging(1, FOR_EVER));
    world.pass(2 * HOUR - 1_000);
    assert_eq!(world.status(run), Status::Running);
    world.pass(2_000);
    assert_eq!(world.status(run), Status::Completed);
}

fn a_run_that_ends_leaves_no_call_in_flight_for_long(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |settings| settings.limits.calls_in_flight = 1);
    let ends = json!({"race": [{"sleep": 1_000}, hanging(1, HOUR)]});
    let run = world.start(&host, "script", &ends);
    world.pass(2_000);
    assert_eq!(world.status(run), Status::Completed);
    world.pass(31_000);
    assert!(is_served(&world, &host, "neighbour"));
}

fn attempts_do_not_follow_each_other_at_once(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |_| {});
    let call = json!({"call": {"url": "http://hangs.example/", "timeout_ms": 1, "attempts": 11, "delay_ms": 0}});
    let run: RunId = world.start(&host, "script", &call);
    let begin = world.now();
    world.finish(&host, run);
    assert_eq!(sent(&world), 11);
    let took = world.now().0 - begin.0;
    assert!(took >= 10 * 100, "{took}");
}

/// Six of these bodies have room in memory at once. The other calls wait without one, and lose no attempt by that.
fn calls_whose_bodies_find_no_memory_are_made_when_there_is_some(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |settings| {
        settings.limits.memory_budget = 12 << 20;
    });
    let call = json!({"call": {
        "method": "POST", "url": "http://hangs.example/", "body": "b".repeat(300_000),
        "timeout_ms": 1_000, "attempts": 1,
    }});
    let runs: Vec<RunId> = (0..8)
        .map(|_| world.start(&host, "script", &call))
        .collect();
    world.pass(500);
    assert_eq!(sent(&world), 6);
    for run in runs {
        world.finish(&host, run);
        assert_eq!(world.status(run), Status::Completed);
    }
    assert_eq!(sent(&world), 8);
}

on_both! {
    calls_that_hang_leave_calls_to_others,
    every_call_is_made_however_many_wait,
    a_run_that_is_cancelled_gives_its_calls_back_at_once,
    an_attempt_is_capped_whatever_its_workflow_says,
    a_run_that_ends_leaves_no_call_in_flight_for_long,
    attempts_do_not_follow_each_other_at_once,
    calls_whose_bodies_find_no_memory_are_made_when_there_is_some,
}
