//! The power fails at every place of a scenario about a run that fails because a run that it started has failed, and that
//! is retried with repaired code. The scenario ends as if the power had not failed.

use dormouse_journal::{Status, VersionId};
use dormouse_runtime::Retry;
use dormouse_sim::{StoreKind, World, guest, on_both, other_version};
use serde_json::{Value, json};

use crate::player::{Player, Scenario, crash_at_every_commit, crash_at_every_seventh_operation};

/// The number of runs: the first one, the one that fails, and one more that each of them has started.
const RUNS: usize = 4;

fn script(broken: VersionId) -> Value {
    let quick = json!({"start": {"workflow": "script", "input": {"sleep": 10}}, "as": "quick"});
    let mended = json!({"step": "mended", "value": 1});
    let fails = json!({"seq": [
        quick,
        {"join": [
            {"event": "never", "ms": 2_000},
            {"await-run": "quick"},
            {"seq": [
                {"sleep": 20},
                {"version": {broken.to_string(): {"fail": {"code": "c", "message": "m"}}}, "else": mended},
            ]},
        ]},
    ]});
    json!({"seq": [
        quick,
        {"invoke": {"workflow": "script", "or_fail": true, "input": fails}},
        {"await-run": "quick"},
    ]})
}

fn play(player: &mut Player) -> Value {
    let run = player.repair(script, Status::Failed);
    let mut states = Vec::new();
    player.retry_until(|world, _| {
        let runs = world.reading().runs().ok()?;
        states = runs.iter().map(|run| run.state.status.as_str()).collect();
        let all_ended = runs.iter().all(|run| run.state.status.has_ended());
        let is_done = all_ended && !world.reading().has_orders().ok()?;
        (is_done && runs.len() >= RUNS).then_some(())
    });
    let output = player.retry_until(|world, _| world.reading().output(run).ok()?);
    let output: Value = serde_json::from_slice(&output.body).unwrap();
    json!({"mended": output[1][1], "states": states})
}

fn check(player: &Player) {
    let runs = player.world.reading().runs().unwrap();
    assert_eq!(runs.len(), RUNS, "each run is started once");
    for run in &runs {
        assert_eq!(run.state.status, Status::Completed);
        assert_eq!(run.state.children, 0, "all ends are known to the parent");
        assert!(run.state.tries <= 1, "one retry is one");
    }
}

const SCENARIO: Scenario = Scenario { play, check };

#[test]
fn a_crash_at_every_seventh_operation_on_the_disk_repairs_the_tree_once() {
    crash_at_every_seventh_operation(&SCENARIO);
}

#[test]
fn a_crash_at_every_commit_repairs_the_tree_once() {
    crash_at_every_commit(&SCENARIO);
}

/// The first run has the only instance when the second is retried, and keeps it while it sleeps.
fn a_retry_gets_room_when_the_only_instance_goes_to_sleep(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 3, |settings| {
        settings.limits.instances = 1;
    });
    let first = VersionId::of(&guest("script")).to_string();
    let fails = json!({"fail": {"code": "c", "message": "m"}});
    let script = json!({"seq": [
        {"webhook": "a"},
        {"sleep": 100},
        {"version": {first: fails}, "else": {"wait": "a"}},
    ]});
    let runs = [0, 1].map(|_| world.start(&host, "script", &script));
    world.pass(1_000);
    world.run(host.deploy("script", other_version())).unwrap();
    for run in runs {
        assert_eq!(world.status(run), Status::Failed);
        let host = host.clone();
        let retried = async move { host.retry(run, &Retry::default()).await };
        let retried = world.within(10_000, retried).expect("it is answered");
        assert!(retried.is_ok(), "{retried:?}");
    }
    world.pass(1_000);
    for run in runs {
        assert_eq!(world.status(run), Status::Suspended);
    }
}

on_both! {
    a_retry_gets_room_when_the_only_instance_goes_to_sleep,
}
