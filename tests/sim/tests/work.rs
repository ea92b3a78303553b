//! The work for one thing does not grow with the number of others. The tests count rows that are read, which are the
//! same on every machine.

use dormouse_journal::Status;
use dormouse_sim::{StoreKind, World};
use serde_json::{Value, json};

/// Returns how many rows are read for a run that waits for this many other runs at once, which end one after the other.
fn reads_for(children: u64) -> u64 {
    let (world, host) = World::with_script(StoreKind::Memory, 1, |_| {});
    let child = |number: u64| {
        let input = json!({"sleep": 10_000 + 100 * number});
        json!({"invoke": {"workflow": "script", "input": input}})
    };
    let all: Vec<Value> = (0..children).map(child).collect();
    let before = world.memory().reads();
    let run = world.start(&host, "script", &json!({"join": all}));
    world.finish(&host, run);
    assert_eq!(world.status(run), Status::Completed);
    world.memory().reads() - before
}

#[test]
fn a_run_that_waits_for_many_others_looks_only_at_those_that_have_ended() {
    let (few, many) = (reads_for(200), reads_for(400));
    println!("rows read for 200 children: {few}, for 400: {many}");
    // Twice as many runs take at most twice as much, and some work that does not depend on their number.
    assert!(
        many <= 2 * few + few / 4,
        "{few} rows are read for 200, and {many} for 400"
    );
}

/// Returns how many times the store is read while the timers of some runs fire, this many milliseconds apart.
fn questions_for(runs: u64, apart: u64) -> u64 {
    let (world, host) = World::with_script(StoreKind::Memory, 1, |_| {});
    let first = world.now().0 + 60_000;
    let sleeps = (0..runs).map(|number| json!({"sleep-until": first + number * apart}));
    let ids: Vec<_> = sleeps
        .map(|sleep| world.start(&host, "script", &sleep))
        .collect();
    world.pass(first - world.now().0 - 1);
    let before = world.memory().questions();
    world.pass(runs * apart + 1_000);
    let asked = world.memory().questions() - before;
    for id in ids {
        assert_eq!(world.status(id), Status::Completed);
    }
    asked
}

#[test]
fn due_timers_cost_no_question_about_pauses() {
    const RUNS: u64 = 20;
    let (together, apart) = (questions_for(RUNS, 0), questions_for(RUNS, 50));
    println!(
        "questions for {RUNS} timers at one instant: {together}, one after the other: {apart}"
    );
    // Each look for due timers is one read, if nothing is paused.
    assert!(
        apart - together < RUNS + RUNS / 2,
        "{together} questions for one batch, {apart} for {RUNS}"
    );
}
