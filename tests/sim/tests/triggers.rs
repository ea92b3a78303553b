//! The power fails at every place of a scenario about a trigger. Each of its requests has then started one run or reached
//! one, however often it was repeated.
//!
//! A request and the run that it starts are one commit. If the host is lost before the commit, nothing has happened,
//! and the repeat starts the run. If it is lost between the commit and the answer, the answer to the repeat names the
//! existing run.

use dormouse_journal::{
    KeyMissing, OnExisting, Place, RunId, Status, TriggerOptions, Unread, WebhookOptions,
};
use dormouse_runtime::{Received, Refusal, Runtime, TriggerOutcome};
use dormouse_sim::{StoreKind, World, guest, on_both};
use serde_json::{Value, json};

use crate::player::{
    Player, Scenario, crash_at_every_commit, crash_at_every_operation,
    crash_at_every_seventh_operation,
};

const NAME: &str = "orders";

/// The number of requests in the scenario. `RUNS` is the number of runs that result from them.
const REQUESTS: u64 = 4;
const RUNS: usize = 3;

fn options() -> TriggerOptions {
    TriggerOptions {
        workflow: "script".into(),
        version: None,
        webhook: WebhookOptions::default(),
        key: Some(Place::Header("x-order".into())),
        on_existing: OnExisting::Event,
        key_missing: KeyMissing::Start,
        unread: Unread::Start,
        labels: Vec::new(),
    }
}

fn set(world: &World, host: &Runtime) -> Option<String> {
    let set = world.run(host.triggers().set(NAME, options()));
    set.ok().map(|(shown, _)| shown.url)
}

/// Sends a request with the key of one order.
fn send(
    world: &World,
    host: &Runtime,
    url: &str,
    mark: &str,
    body: &Value,
) -> Result<(RunId, TriggerOutcome), Refusal> {
    let headers = [("x-order", "7"), ("idempotency-key", mark)];
    match world.post(host, url, &headers, &body.to_string())? {
        Received::Triggered { run, came, .. } => Ok((run, came)),
        other => panic!("{other:?}"),
    }
}

/// Sends a request until it is acknowledged, and then once more, which starts no run.
fn send_twice(player: &mut Player, url: &str, mark: &str, body: &Value) -> RunId {
    let mut sent = || {
        player.retry_until(|world, host| {
            let sent = send(world, host, url, mark, body);
            if let Err(refusal) = &sent {
                assert!(matches!(refusal, Refusal::Unavailable(_)), "{refusal}");
            }
            sent.ok()
        })
    };
    let (run, _) = sent();
    let again = sent();
    assert_eq!(again, (run, TriggerOutcome::Repeat), "the repeat of {mark}");
    run
}

fn ended(player: &mut Player, runs: usize) {
    player.retry_until(|world, _| {
        let found = world.reading().runs().ok()?;
        let all_ended = found.iter().all(|run| run.state.status.has_ended());
        (all_ended && found.len() == runs).then_some(())
    });
}

fn play(player: &mut Player) -> Value {
    player.retry_until(|world, host| world.run(host.deploy("script", guest("script"))).ok());
    let url = player.retry_until(set);
    // The run takes the second request as an event, and ends.
    let waiting = json!({"seq": [{"event": NAME, "ms": null}, {"step": "s", "value": "first"}]});
    let first = send_twice(player, &url, "a", &waiting);
    assert_eq!(send_twice(player, &url, "b", &json!("event")), first);
    ended(player, 1);
    // The run takes nothing, so a request that comes while it sleeps starts the next run.
    let sleeping = json!({"seq": [{"sleep": 500}, {"step": "s", "value": "second"}]});
    assert_ne!(send_twice(player, &url, "c", &sleeping), first);
    send_twice(player, &url, "d", &json!({"step": "s", "value": "third"}));
    ended(player, RUNS);
    let mut outputs = player.retry_until(|world, _| {
        let reading = world.reading();
        let runs = reading.runs().ok()?;
        let outputs = runs.iter().map(|run| {
            assert_eq!(run.state.status, Status::Completed);
            let output = reading.output(run.id).ok()??;
            let output = String::from_utf8(output.body.to_vec()).ok()?;
            Some(output)
        });
        outputs.collect::<Option<Vec<String>>>()
    });
    // The event that the first run took has another time after each crash.
    for output in &mut outputs {
        let words = ["first", "second", "third"];
        let word = words.into_iter().find(|word| output.contains(word));
        *output = word.unwrap_or_else(|| panic!("{output}")).to_owned();
    }
    outputs.sort();
    json!(outputs)
}

fn check(player: &Player) {
    let runs = player.world.reading().runs().unwrap();
    assert_eq!(runs.len(), RUNS, "each run is started once");
    let counts = player
        .world
        .reading()
        .trigger(NAME)
        .unwrap()
        .unwrap()
        .counts;
    let counted = counts.started + counts.existing;
    assert_eq!(counted, REQUESTS, "each request counts once: {counts:?}");
}

const SCENARIO: Scenario = Scenario { play, check };

#[test]
fn a_crash_at_every_commit_loses_and_doubles_no_request() {
    crash_at_every_commit(&SCENARIO);
}

#[test]
fn a_crash_at_every_seventh_operation_on_the_disk_loses_and_doubles_no_request() {
    crash_at_every_seventh_operation(&SCENARIO);
}

/// A scenario of one request, so that each place on the disk can be tried.
const REQUEST: Scenario = Scenario {
    play: |player| {
        player.retry_until(|world, host| world.run(host.deploy("script", guest("script"))).ok());
        let url = player.retry_until(set);
        send_twice(player, &url, "a", &json!({"step": "s", "value": 1}));
        ended(player, 1);
        Value::Null
    },
    check: |_| {},
};

#[test]
fn a_crash_at_every_operation_on_the_disk_starts_one_run() {
    crash_at_every_operation(&REQUEST, true);
}

fn a_request_and_what_its_run_decides_take_one_sync(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 3, |_| {});
    let url = set(&world, &host).unwrap();
    let before = (host.commits().groups, world.disk_syncs());
    let waiting = json!({"seq": [{"webhook": "a"}, {"wait": "a", "ms": null}]});
    let (run, came) = send(&world, &host, &url, "a", &waiting).unwrap();
    world.pass(100);
    assert_eq!(
        (came, world.status(run)),
        (TriggerOutcome::Started, Status::Suspended)
    );
    assert_eq!(host.commits().groups - before.0, 1);
    if let (Some(before), Some(now)) = (before.1, world.disk_syncs()) {
        assert_eq!(now - before, 1);
    }
}

on_both! {
    a_request_and_what_its_run_decides_take_one_sync,
}
