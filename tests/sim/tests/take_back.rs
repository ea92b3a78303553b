//! The power fails at every place of scenarios about runs that are taken back to before one of their steps was answered.
//! The scenarios end as if the power had not failed: nothing is lost, given twice, or sent with the key of another
//! operation.
//!
//! While a run is taken back, requests for its webhooks still arrive. The driver asks again to take the run back if no
//! answer comes, and first looks whether it was taken back already, as an operator does.

use std::collections::BTreeMap;

use dormouse_journal::{RunId, Status, VersionId, json_payload};
use dormouse_runtime::Retry;
use dormouse_sim::{guest, other_version};
use serde_json::{Value, json};

use crate::player::{Player, Scenario, crash_at_every_commit, crash_at_every_seventh_operation};

/// The number of runs in the scenarios about all operations: the one that is taken back, one that it waits for from
/// before the point, and one that it starts after the point, twice.
const RUNS: usize = 4;

fn call(name: &str) -> Value {
    json!({"call": {"method": "POST", "url": format!("http://service.example/{name}"), "body": name}, "as": name})
}

/// Returns a run that records when it is asked to cancel.
fn hears() -> Value {
    json!({"start": {"workflow": "script", "input": {"race": [{"wait-cancel": null}, {"sleep": 100_000_000}]}}, "as": "child"})
}

/// Returns a script. It waits for a webhook, an event, a call that may be made once and another run from before the
/// step `first`, and makes all kinds of operations after that step. `last` is its last operation.
fn script(last: &Value) -> Value {
    let once = json!({"call": {"url": "http://service.example/once", "attempts": 1}, "as": "once"});
    json!({"seq": [
        {"webhook": "a"},
        {"webhook": "b"},
        call("before"),
        {"join": [
            {"wait": "b", "ms": 6_000_000},
            {"event": "e", "ms": 6_000_000},
            once,
            {"invoke": {"workflow": "script", "input": {"sleep": 300}}},
            {"seq": [
                {"sleep": 100},
                call("first"),
                {"wait": "a"},
                hears(),
                {"webhook": "c"},
                {"log": "it is after the point"},
                call("second"),
                last,
            ]},
        ]},
    ]})
}

/// Sends the requests and events that the script takes, and waits until the run has this status.
fn complete_script(player: &mut Player, run: RunId, status: Status) {
    player.send(run, 0, "one");
    player.send(run, 1, "bee");
    player.retry_until(|world, host| {
        let event = host.notify_run(run, "e".into(), json_payload("1"));
        world.run(event).ok()
    });
    player.retry_until(|world, _| {
        let reading = world.reading();
        let state = reading.state(run).ok()??;
        let open = reading.open(run).ok()?;
        // A run that has failed keeps the request that it was given last.
        let waits = if status == Status::Failed { 1 } else { 0 };
        let has_come = state.status == status
            && reading.webhooks(run).ok()?.len() == 3
            && open.len() <= 1 + waits
            && !reading.has_orders().ok()?;
        has_come.then_some(())
    });
}

/// Takes a run back, once.
fn take_back(player: &mut Player, run: RunId, from: &str) {
    let retry = Retry {
        from: Some(from.into()),
        ..Retry::default()
    };
    let mut refused = String::new();
    let mut looks = 0;
    player.retry_until(|world, host| {
        looks += 1;
        assert!(looks < 900, "it is not taken back: {refused}");
        let is_done = world.reading().state(run).ok()??.tries > 0;
        if is_done {
            return Some(());
        }
        match world.run(host.retry(run, &retry)) {
            Ok(_) => Some(()),
            Err(error) => {
                refused = error.to_string();
                None
            }
        }
    });
}

/// Waits until all runs have ended, and returns the output of one.
fn output(player: &mut Player, run: RunId, runs: usize) -> Value {
    player.retry_until(|world, _| {
        let reading = world.reading();
        let all = reading.runs().ok()?;
        let all_ended = all.iter().all(|run| run.state.status.has_ended());
        (all_ended && all.len() >= runs && !reading.has_orders().ok()?).then_some(())
    });
    let output = player.retry_until(|world, _| world.reading().output(run).ok()?);
    serde_json::from_slice(&output.body).unwrap()
}

/// Returns the output without ids, URLs and the parts that depend on the moment of a crash.
fn stable_parts(output: &Value) -> Value {
    let joined = &output[3];
    let after = &joined[4];
    json!({
        "bee": joined[0]["body"],
        "event": joined[1]["body"],
        "child": joined[3],
        "one": after[2]["body"],
        "calls": [output[2], after[1], after[6]],
        "last": after[7]["body"].as_str().map_or(after[7].clone(), Into::into),
    })
}

/// Returns how often each key was sent, by the last part of the URL to which it was sent.
fn sent(player: &Player) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut sent: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for request in player.world.egress().sent() {
        let name = request.url.rsplit('/').next().unwrap().to_owned();
        let key = request.headers.iter();
        let key = key
            .filter(|(name, _)| name == "Idempotency-Key")
            .map(|(_, value)| String::from_utf8(value.to_vec()).unwrap())
            .collect();
        *sent.entry(name).or_default().entry(key).or_default() += 1;
    }
    sent
}

/// Checks the keys of the calls: a call that was made again after its answer has a key that says so, and every other
/// call has one key.
fn check_sent(player: &Player) {
    let sent = sent(player);
    for (name, times) in [("before", 1), ("once", 1), ("first", 2), ("second", 2)] {
        let keys: Vec<&String> = sent[name].keys().collect();
        assert_eq!(keys.len(), times, "{name}: {sent:?}");
        if times == 2 {
            assert_eq!(*keys[1], format!("{}-1", keys[0]), "{sent:?}");
        }
        let attempts: usize = sent[name].values().sum();
        assert!(attempts <= times + player.crashes, "{name}: {sent:?}");
    }
    assert_eq!(sent["once"].values().sum::<usize>(), 1, "{sent:?}");
}

fn check(player: &Player) {
    check_sent(player);
    let reading = player.world.reading();
    let runs = reading.runs().unwrap();
    assert_eq!(runs.len(), RUNS, "each run is started once at a time");
    let parent = runs.iter().find(|run| run.run.parent.is_none()).unwrap();
    let state = &parent.state;
    assert_eq!((state.tries, state.children), (1, 0));
    assert!(!state.is_restoring);
    // The sender of the event asked again if the host was lost before it answered.
    assert!(state.untaken <= player.crashes as u64, "{}", state.untaken);
    assert_eq!(reading.logs(parent.id).unwrap().len(), 1);
    let mut told: Vec<String> = runs
        .iter()
        .filter(|run| run.id != parent.id)
        .map(|run| {
            let output = reading.output(run.id).unwrap().unwrap();
            String::from_utf8(output.body.to_vec()).unwrap()
        })
        .collect();
    told.sort();
    let expected = [
        r#"["parent-ended","lost"]"#,
        r#"["parent-taken-back","lost"]"#,
        "null",
    ];
    assert_eq!(told, expected);
}

fn of_a_living_run(player: &mut Player) -> Value {
    player.retry_until(|world, host| world.run(host.deploy("script", guest("script"))).ok());
    let script = script(&json!({"wait": "a"}));
    let run = player.start("script", &json_payload(script.to_string()));
    complete_script(player, run, Status::Suspended);
    let urls = |player: &mut Player| {
        player.retry_until(|world, _| {
            let webhooks = world.reading().webhooks(run).ok()?;
            let urls = webhooks.into_iter().map(|webhook| webhook.url);
            Some(urls.collect::<Vec<String>>())
        })
    };
    let before = urls(player);
    take_back(player, run, "first");
    // The request arrives while the run is restored, and comes after the requests that were put back.
    player.send(run, 0, "two");
    let output = output(player, run, RUNS);
    assert_eq!(urls(player), before, "they are the same webhooks");
    stable_parts(&output)
}

const LIVING: Scenario = Scenario {
    play: of_a_living_run,
    check,
};

#[test]
fn a_crash_at_every_commit_takes_a_living_run_back_once() {
    crash_at_every_commit(&LIVING);
}

#[test]
fn a_crash_at_every_seventh_operation_on_the_disk_takes_a_living_run_back_once() {
    crash_at_every_seventh_operation(&LIVING);
}

fn of_a_failed_run(player: &mut Player) -> Value {
    let (first, second) = (guest("script"), other_version());
    let broken = VersionId::of(&first);
    player.retry_until(|world, host| world.run(host.deploy("script", first.clone())).ok());
    let mended = json!({"step": "mended", "value": 1});
    let last = json!({"version": {broken.to_string(): {"fail": {"code": "c", "message": "m"}}}, "else": mended});
    // An operation that has not completed when the run fails keeps the time that it had left.
    let never = json!({"event": "never", "ms": 10_000});
    let script = json!({"join": [never, script(&last)]});
    let run = player.start("script", &json_payload(script.to_string()));
    complete_script(player, run, Status::Failed);
    player.retry_until(|world, host| world.run(host.deploy("script", second.clone())).ok());
    take_back(player, run, "first");
    let output = output(player, run, RUNS);
    stable_parts(&output[1])
}

const FAILED: Scenario = Scenario {
    play: of_a_failed_run,
    check,
};

#[test]
fn a_crash_at_every_commit_takes_a_failed_run_back_once() {
    crash_at_every_commit(&FAILED);
}

#[test]
fn a_crash_at_every_seventh_operation_on_the_disk_takes_a_failed_run_back_once() {
    crash_at_every_seventh_operation(&FAILED);
}

/// A run continues after a run that it started has failed, and is taken back to its wait for that run. Both are
/// repaired.
fn over_a_failed_child(player: &mut Player) -> Value {
    let (first, second) = (guest("script"), other_version());
    let broken = VersionId::of(&first);
    player.retry_until(|world, host| world.run(host.deploy("script", first.clone())).ok());
    let fails = json!({"seq": [
        call("of the child"),
        {"version": {broken.to_string(): {"fail": {"code": "c", "message": "m"}}}, "else": {"step": "mended", "value": 1}},
    ]});
    let script = json!({"seq": [
        {"webhook": "a"},
        {"start": {"workflow": "script", "input": fails}, "as": "child"},
        {"await-run": "child"},
        call("second"),
        {"wait": "a"},
    ]});
    let run = player.start("script", &json_payload(script.to_string()));
    player.retry_until(|world, _| {
        let reading = world.reading();
        let state = reading.state(run).ok()??;
        let open = reading.open(run).ok()?;
        let waits = open.len() == 1 && open[0].1.step == "a";
        (waits && state.status == Status::Suspended && !reading.has_orders().ok()?).then_some(())
    });
    player.retry_until(|world, host| world.run(host.deploy("script", second.clone())).ok());
    take_back(player, run, "child");
    player.send(run, 0, "one");
    let output = output(player, run, 2);
    json!({"child": output[2]["completed"][1], "second": output[3], "one": output[4]["body"]})
}

fn check_child(player: &Player) {
    let sent = sent(player);
    // The call of the child succeeded, and is not made again.
    assert_eq!(sent["of the child"].len(), 1, "{sent:?}");
    let keys: Vec<&String> = sent["second"].keys().collect();
    assert_eq!(keys.len(), 2, "{sent:?}");
    assert_eq!(*keys[1], format!("{}-1", keys[0]), "{sent:?}");
    let runs = player.world.reading().runs().unwrap();
    assert_eq!(runs.len(), 2, "no run is started anew");
    for run in &runs {
        assert_eq!(run.state.status, Status::Completed);
        assert_eq!((run.state.tries, run.state.children), (1, 0));
    }
}

const CHILD: Scenario = Scenario {
    play: over_a_failed_child,
    check: check_child,
};

#[test]
fn a_crash_at_every_commit_takes_a_run_back_over_a_failed_child_once() {
    crash_at_every_commit(&CHILD);
}

#[test]
fn a_crash_at_every_seventh_operation_on_the_disk_takes_a_run_back_over_a_failed_child_once() {
    crash_at_every_seventh_operation(&CHILD);
}
