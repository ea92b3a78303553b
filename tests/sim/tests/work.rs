//! How much is done for one thing does not grow with how many others there are. Counted in rows that are read, which are the
//! same on every machine.

use dormouse_journal::Status;
use dormouse_sim::{Ground, World};
use serde_json::{Value, json};

/// Returns how many rows are read for a run that waits for so many others at once, which end one after the other.
fn reads_for(children: u64) -> u64 {
    let (world, host) = World::with_script(Ground::Memory, 1, |_| {});
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
    // Twice as many take twice as much, and what does not depend on their number.
    assert!(
        many <= 2 * few + few / 4,
        "{few} rows are read for 200, and {many} for 400"
    );
}
