//! Runs that end with a run which has failed or is paused are held: nothing of them is executed or sent until that run
//! continues.

use dormouse_journal::{RunId, Status, VersionId};
use dormouse_runtime::{Retry, Runtime};
use dormouse_sim::{StoreKind, World, guest, on_both, other_version};
use dormouse_store::Pausable;
use serde_json::{Value, json};

/// An hour in milliseconds.
const HOUR: u64 = 3_600_000;

/// Returns a call, which is the last operation of the child.
fn call() -> Value {
    json!({"call": {"url": "http://service.example/", "attempts": 1}})
}

/// Returns a run that waits for another one, which waits for a third, and that does something else at the same time.
fn script(meanwhile: &Value) -> Value {
    let grandchild = json!({"invoke": {"workflow": "script", "input": {"sleep": 2_000}}});
    let child = json!({"seq": [
        {"webhook": "c"},
        {"join": [{"sleep": 3_000}, {"event": "never", "ms": 4_000}, grandchild]},
        call(),
        {"wait": "c"},
    ]});
    json!({"join": [{"invoke": {"workflow": "script", "input": child}}, meanwhile]})
}

/// Returns the runs below a run. The upper one is the first.
fn below(world: &World, top: RunId) -> [RunId; 2] {
    let runs = world.reading().runs().unwrap();
    let of = |above: RunId| {
        let mut runs = runs.iter();
        let child = runs.find(|run| run.run.parent.is_some_and(|parent| parent.run == above));
        child.unwrap().id
    };
    let child = of(top);
    [child, of(child)]
}

fn held_by(world: &World, run: RunId) -> Option<RunId> {
    world.reading().view(run).unwrap().unwrap().held_by
}

/// Lets an hour pass, with a loss of the host in it. The held runs must not do anything.
fn stand_still(world: &World, host: Runtime, top: RunId) -> Runtime {
    let runs = below(world, top);
    let activations = |run| world.reading().state(run).unwrap().unwrap().activations;
    let before = runs.map(activations);
    world.pass(HOUR / 2);
    let webhooks = world.reading().webhooks(runs[0]).unwrap();
    world.post(&host, &webhooks[0].url, &[], "kept").unwrap();
    world.crash(host, 10);
    let host = world.host();
    world.pass(HOUR / 2);
    for run in runs {
        assert_eq!(held_by(world, run), Some(top));
        assert_eq!(world.status(run), Status::Suspended);
    }
    assert_eq!(runs.map(activations), before);
    assert_eq!(world.egress().sent().len(), 0);
    assert_eq!(world.reading().due_run().unwrap(), None, "it is set aside");
    let passed = world.reading().passed_timer(host.clock().moment());
    assert_eq!(passed.unwrap(), None, "it is set aside");
    host
}

fn goes_on(world: &World, host: &Runtime, top: RunId) {
    for run in below(world, top) {
        assert_eq!(held_by(world, run), None);
    }
    assert_eq!(world.egress().sent().len(), 1);
    let result = world.result(host, top);
    let child = &result[0]["completed"];
    assert_eq!(child[3]["body"], "a2VwdA==", "{result}");
}

fn after_a_retry_held_runs_have_the_time_that_they_had_left(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 9, |_| {});
    let first = VersionId::of(&guest("script")).to_string();
    let fails = json!({"fail": {"code": "c", "message": "m"}});
    let meanwhile =
        json!({"seq": [{"sleep": 1_000}, {"version": {first: fails}, "else": {"now": true}}]});
    let top = world.start(&host, "script", &script(&meanwhile));
    world.pass(1_500);
    assert_eq!(world.status(top), Status::Failed);
    let host = stand_still(&world, host, top);
    world.run(host.deploy("script", other_version())).unwrap();
    world.run(host.retry(top, &Retry::default())).unwrap();
    let [child, grandchild] = below(&world, top);
    // The run had slept for one of its two seconds when the run above it failed.
    world.pass(900);
    assert_eq!(world.status(grandchild), Status::Suspended);
    world.pass(200);
    assert_eq!(world.status(grandchild), Status::Completed);
    // The child had three seconds left to wait.
    world.pass(1_800);
    assert_eq!(world.status(child), Status::Suspended);
    assert_eq!(world.egress().sent().len(), 0);
    world.pass(200);
    goes_on(&world, &host, top);
}

fn runs_that_end_with_a_paused_run_go_on_with_it_and_keep_their_deadlines(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 9, |_| {});
    let top = world.start(&host, "script", &script(&json!({"sleep": 1_000})));
    world.pass(1_500);
    world.run(host.pause(Pausable::Run(top))).unwrap();
    let host = stand_still(&world, host, top);
    world.run(host.unpause(Pausable::Run(top))).unwrap();
    world.pass(100);
    goes_on(&world, &host, top);
}

fn children_that_were_left_go_on_and_given_up_ones_are_asked_to_cancel(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 9, |_| {});
    let start = |leave: bool| {
        let input = json!({"race": [{"wait-cancel": null}, {"sleep": 2_000}]});
        json!({"start": {"workflow": "script", "leave": leave, "input": input}})
    };
    let fails = json!({"fail": {"code": "c", "message": "m"}});
    let script = json!({"seq": [start(false), start(true), {"sleep": 100}, fails]});
    let top = world.start(&host, "script", &script);
    world.pass(HOUR);
    assert_eq!(world.status(top), Status::Failed);
    let mut runs = world.reading().runs().unwrap();
    runs.retain(|run| run.run.parent.is_some());
    runs.sort_by_key(|run| run.id);
    let [held, left] = [runs[0].id, runs[1].id];
    assert_eq!(held_by(&world, held), Some(top));
    assert_eq!(world.result(&host, left), json!(["lost", null]));
    // A cancellation of the failed run also ends the runs that end with it.
    world
        .run(host.cancel(top, dormouse_journal::CancelOptions::default()))
        .unwrap();
    world.pass(60_000);
    assert!(world.status(held).has_ended());
    assert!(!world.reading().has_orders().unwrap());
}

on_both! {
    after_a_retry_held_runs_have_the_time_that_they_had_left,
    runs_that_end_with_a_paused_run_go_on_with_it_and_keep_their_deadlines,
    children_that_were_left_go_on_and_given_up_ones_are_asked_to_cancel,
}
