//! Herds: many runs that become ready at one instant do not delay a request from outside until all of them were
//! executed.
//!
//! The tests count activations, which are the same on every machine.

use dormouse_journal::{Kind, RunId, Status, Time};
use dormouse_runtime::{Received, Runtime};
use dormouse_sim::{StoreKind, World, on_both};
use serde_json::{Value, json};

/// The number of runs that become ready at once.
const HERD: usize = 400;

/// How many of these runs may be executed before a request from outside: the runs that have an instance when the
/// request comes, and those that get one while it is passed to its run.
const BEFORE: usize = 100;

fn start_all(world: &World, host: &Runtime, script: &Value) -> Vec<RunId> {
    (0..HERD)
        .map(|_| world.start(host, "script", script))
        .collect()
}

/// Starts a run whose workflow answers its requests, and returns its URL.
fn neighbour(world: &World, host: &Runtime) -> String {
    let script = json!({"seq": [
        {"webhook": "a", "options": {"reply": {"from-workflow": 60_000}}},
        {"repeat": 400, "do": {"seq": [{"wait": "a", "ms": null}, {"respond": {"status": 201}}]}},
    ]});
    let run = world.start(host, "script", &script);
    world.url(run)
}

fn ended(world: &World, runs: &[RunId]) -> usize {
    let is_over = |run: &&RunId| world.status(**run) == Status::Completed;
    runs.iter().filter(is_over).count()
}

/// Sends a request to the neighbour, and returns how many runs of the herd ended before its answer came.
fn ask(world: &World, host: &Runtime, url: &str, runs: &[RunId]) -> usize {
    let before = ended(world, runs);
    let received = world.post(host, url, &[], "now").unwrap();
    assert!(
        matches!(received, Received::Answered { .. }),
        "{received:?}"
    );
    ended(world, runs) - before
}

fn wait_for_all(world: &World, runs: &[RunId]) {
    for _ in 0..100 {
        world.pass(1_000);
        if ended(world, runs) == runs.len() {
            return;
        }
    }
    panic!("{} of {} came to their end", ended(world, runs), runs.len());
}

fn timers_due_at_one_instant_do_not_stand_before_a_request(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 11, |settings| {
        settings.limits.warm_memory = 0;
    });
    let url = neighbour(&world, &host);
    let due = world.now().after(60_000);
    let runs = start_all(&world, &host, &json!({"sleep-until": due.0}));
    world.pass(due.0 - world.now().0 - 1);
    assert_eq!(ended(&world, &runs), 0, "none is early");
    // Commits take time here, so that the herd is not done when requests come.
    world.delay_commits(11, 4);
    let mut seen = 0;
    while ended(&world, &runs) < HERD {
        let before = ask(&world, &host, &url, &runs);
        assert!(
            before <= BEFORE,
            "{before} of the herd went before a request"
        );
        seen += usize::from(before > 0);
    }
    assert!(seen > 2, "the herd was not under way");
    wait_for_all(&world, &runs);
    let reading = world.reading();
    for run in &runs {
        let woken = reading.journal(*run).unwrap().last().unwrap().time;
        assert!(woken >= due, "{run} was woken at {woken:?}");
    }
}

fn timers_are_served_in_their_order(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 11, |settings| {
        settings.limits.warm_memory = 0;
    });
    let begin = world.now().after(60_000);
    // The runs that are due last were started first.
    let runs: Vec<RunId> = (0..HERD as u64)
        .map(|number| {
            let due = begin.0 + (HERD as u64 - number);
            world.start(&host, "script", &json!({"sleep-until": due}))
        })
        .collect();
    wait_for_all(&world, &runs);
    let reading = world.reading();
    for (number, run) in runs.iter().enumerate() {
        let due = Time(begin.0 + (HERD - number) as u64);
        let woken = reading.journal(*run).unwrap().last().unwrap().time;
        assert_eq!(woken, due, "{number}");
    }
}

fn waits_that_end_at_once_do_not_stand_before_a_request(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 11, |settings| {
        settings.limits.warm_memory = 0;
    });
    let url = neighbour(&world, &host);
    let wait = json!({"event": "go", "ms": null});
    let runs = start_all(&world, &host, &wait);
    world.pass(1_000);
    let event = host.notify("go".into(), dormouse_journal::json_payload("1"));
    world.run(event).unwrap();
    let before = ask(&world, &host, &url, &runs);
    assert!(
        before <= BEFORE,
        "{before} of the herd went before a request"
    );
    wait_for_all(&world, &runs);
}

fn work_found_at_a_start_does_not_delay_a_request(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 11, |_| {});
    let url = neighbour(&world, &host);
    let call = json!({"call": {"url": "http://service.example/", "attempts": 1}});
    let due = world.now().after(10_000).0;
    let runs = start_all(&world, &host, &json!({"seq": [{"sleep-until": due}, call]}));
    world.pass(1_000);
    world.crash(host, 3_600_000);
    let host = world.host();
    let before = ask(&world, &host, &url, &runs);
    assert!(
        before <= BEFORE,
        "{before} of the herd went before a request"
    );
    wait_for_all(&world, &runs);
    for run in &runs {
        let journal = world.reading().journal(*run).unwrap();
        let made = journal.iter().flat_map(|activation| &activation.operations);
        let calls = made.filter(|made| matches!(made.kind, Kind::Call { .. }));
        assert_eq!(calls.count(), 1);
    }
    assert_eq!(world.egress().sent().len(), HERD, "each call is sent once");
}

on_both! {
    timers_due_at_one_instant_do_not_stand_before_a_request,
    timers_are_served_in_their_order,
    waits_that_end_at_once_do_not_stand_before_a_request,
    work_found_at_a_start_does_not_delay_a_request,
}
