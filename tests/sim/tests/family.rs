//! The power fails at every place of a scenario about runs that start, wait for and cancel each other, break and are
//! repaired. The scenario ends as if the power had not failed.

use dormouse_journal::{RunId, Status, VersionId};
use serde_json::{Value, json};

use crate::player::{Player, Scenario, crash_at_every_commit, crash_at_every_seventh_operation};

/// The number of runs at the end: the first one, and those that it started.
const RUNS: usize = 6;

fn script(broken: VersionId) -> Value {
    let start = |name: &str, input: Value| json!({"start": {"workflow": "script", "input": input}, "as": name});
    let long = json!({"sleep": 100_000_000});
    json!({"seq": [
        {"join": [
            {"invoke": {"workflow": "script", "input": {"step": "s", "value": 7}}},
            {"invoke": {"workflow": "script", "input": {"fail": {"code": "c", "message": "m"}}}},
            {"seq": [start("long", long.clone()), {"cancel-run": "long"}, {"await-run": "long"}]},
        ]},
        {"version": {broken.to_string(): {"trap": "a bug"}}, "else": {"step": "mended", "value": 1}},
        {"start": {"workflow": "script", "leave": true, "input": {"sleep": 50}}, "as": "left"},
        {"await-run": "left"},
        start("dropped", json!({"race": [{"wait-cancel": null}, long]})),
    ]})
}

/// Removes the ids from a value.
fn stable_parts(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(stable_parts).collect(),
        Value::String(text) if text.parse::<RunId>().is_ok() => json!("run"),
        other => other.clone(),
    }
}

fn play(player: &mut Player) -> Value {
    let run = player.repair(script, Status::Blocked);
    let mut states = Vec::new();
    player.retry_until(|world, _| {
        let runs = world.reading().runs().ok()?;
        let all_ended = runs.iter().all(|run| run.state.status.has_ended());
        states = runs.iter().map(|run| run.state.status.as_str()).collect();
        states.sort_unstable();
        let is_done = all_ended && !world.reading().has_orders().ok()?;
        (is_done && runs.len() >= RUNS).then_some(())
    });
    let output = player.retry_until(|world, _| world.reading().output(run).ok()?);
    let output: Value = serde_json::from_slice(&output.body).unwrap();
    json!({"output": stable_parts(&output), "states": states})
}

fn check(player: &Player) {
    let runs = player.world.reading().runs().unwrap();
    assert_eq!(runs.len(), RUNS, "each run is started once");
    for run in &runs {
        assert_eq!(run.state.children, 0, "all ends are known to the parent");
    }
}

const SCENARIO: Scenario = Scenario { play, check };

#[test]
fn a_crash_at_every_seventh_operation_on_the_disk_loses_and_doubles_no_child() {
    crash_at_every_seventh_operation(&SCENARIO);
}

#[test]
fn a_crash_at_every_commit_loses_and_doubles_no_child() {
    crash_at_every_commit(&SCENARIO);
}
