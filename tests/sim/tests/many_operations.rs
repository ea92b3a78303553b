//! The host fails at every commit of a run whose activations have too many operations for one commit, and the run ends
//! as if the host had not failed.

use dormouse_journal::{RunId, Status, json_payload};
use serde_json::{Value, json};

use crate::player::{Player, Scenario, crash_at_every_commit};

/// The number of sleeps: more than are written at once.
const SLEEPS: usize = 600;

/// The operations that are open when nothing more happens by itself: the sleeps, and the wait in the race.
const OPEN: usize = SLEEPS + 1;

/// Opens sleeps beside a call and a run that it starts, and gives the sleeps up when a request comes.
fn script() -> Value {
    let mut all = vec![json!({"sleep": 360_000_000}); SLEEPS];
    let call = json!({"method": "POST", "url": "http://service.example/", "body": {"url": "${a.url}"}, "attempts": 9});
    let child = json!({"seq": [{"sleep": 10}, {"step": "s", "value": 5}]});
    all.insert(0, json!({ "call": call }));
    all.push(json!({"invoke": {"workflow": "script", "input": child}}));
    json!({"seq": [
        {"webhook": "a"},
        {"race": [{"wait": "a", "ms": null}, {"join": all}]},
        {"wait": "a", "ms": null},
    ]})
}

/// Waits until the run waits for nothing but this many operations.
fn waits(player: &mut Player, run: RunId, open: usize) {
    player.retry_until(|world, _| {
        let reading = world.reading();
        let is_sent = !world.egress().sent().is_empty();
        let is_open = reading.open(run).ok()?;
        // Whoever gets the call may react to it, so everything is open by then.
        assert!(
            !is_sent || is_open.len() >= open,
            "{} are open",
            is_open.len()
        );
        let state = reading.state(run).ok()??;
        (is_sent && is_open.len() == open && state.status == Status::Suspended).then_some(())
    });
}

fn play(player: &mut Player) -> Value {
    player.retry_until(|world, host| {
        world
            .run(host.deploy("script", dormouse_sim::guest("script")))
            .ok()
    });
    let run = player.start("script", &json_payload(script().to_string()));
    waits(player, run, OPEN);
    player.send(run, 0, "one");
    player.retry_until(|world, _| {
        let state = world.reading().state(run).ok()??;
        let open = world.reading().open(run).ok()?;
        (state.status == Status::Suspended && open.len() == 1).then_some(())
    });
    player.send(run, 0, "two");
    player.retry_until(|world, _| {
        let reading = world.reading();
        let state = reading.state(run).ok()??;
        let output = reading.output(run).ok()??;
        assert_eq!(state.status, Status::Completed, "{:?}", state.failure);
        let told: Value = serde_json::from_slice(&output.body).unwrap();
        Some(json!([
            told[1][0]["body"],
            told[1][1],
            told[2]["body"],
            state.operations,
            state.activations
        ]))
    })
}

const SCENARIO: Scenario = Scenario {
    play,
    check: |_| {},
};

#[test]
fn a_crash_at_every_commit_changes_nothing() {
    crash_at_every_commit(&SCENARIO);
}
