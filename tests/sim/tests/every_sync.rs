//! The power fails at every single operation on the disk, and the run ends as if the power had not failed.
//!
//! The run makes every operation of the contract: webhooks, one of which is closed, a call, requests before and after
//! their wait, a lost race, timers, a step, events in both directions, an answer to a caller, and waits, a sleep and a
//! call that are given up. The driver repeats a request with the same key until it is answered, as real callers do.

use std::collections::BTreeSet;

use dormouse_journal::{RunId, Status, Time, json_payload};
use dormouse_runtime::Received;
use dormouse_sim::guest;
use serde_json::{Value, json};

use crate::player::{Player, Scenario, crash_at_every_commit, crash_at_every_operation};

fn script(midnight: Time) -> Value {
    json!({"seq": [
        {"webhook": "a"},
        {"webhook": "b", "options": {"reply": {"from-workflow": 10_000}}},
        {"call": {"method": "POST", "url": "http://service.example/", "body": {"url": "${a.url}"}, "attempts": 9}},
        {"race": [{"wait": "a", "ms": null}, {"sleep": 50}]},
        {"wait": "a", "ms": 600_000},
        {"step": "s", "value": 5},
        {"join": [{"wait": "a", "ms": null}, {"sleep": 100}]},
        {"notify": "nobody", "run": null, "body": 1},
        {"wait": "b", "ms": null},
        {"respond": {"status": 201, "body": "yes"}},
        {"event": "e", "ms": null},
        {"close": "a"},
        {"wait": "a", "ms": 10},
        {"sleep-until": midnight.0},
        {"log": "woken"},
        {"join": [
            {"wait": "b", "ms": 600_000, "as": "given up"},
            {"event": "e", "ms": 600_000, "as": "given up"},
            {"sleep": 1_000_000, "as": "given up"},
            {"call": {"url": "http://service.example/never"}, "as": "never sent"},
            {"abandon": "never sent"},
            {"seq": [{"sleep": 20}, {"abandon": "given up"}]},
        ]},
    ]})
}

/// Returns the parts of the result that are always the same: bodies, outcomes and order, but no ids, times and URLs.
fn stable_parts(result: &Value) -> Value {
    match result {
        Value::Object(fields) if fields.contains_key("body") => fields["body"].clone(),
        Value::Array(items) => items.iter().map(stable_parts).collect(),
        Value::String(text) if text.starts_with("http") => json!("url"),
        other => other.clone(),
    }
}

impl Player {
    /// Asks until there is an answer.
    fn ask(&mut self, run: RunId, body: &'static str) {
        for _ in 0..9 {
            if let Received::Answered { response, .. } = self.send(run, 1, body) {
                assert_eq!(response.status, 201);
                assert_eq!(response.body, "yes");
                return;
            }
        }
        panic!("there is no answer");
    }

    fn play(&mut self) -> Value {
        let midnight = self.world.now().after(2_000);
        self.retry_until(|world, host| world.run(host.deploy("script", guest("script"))).ok());
        let run = self.start("script", &json_payload(script(midnight).to_string()));
        // The wait in the race must have lost before the first request comes.
        self.retry_until(|world, _| {
            let waits = world.reading().open(run).ok()?;
            (!world.egress().sent().is_empty()
                && waits.len() == 1
                && waits[0].1.kind.deadline(waits[0].1.issued).is_some())
            .then_some(())
        });
        self.send(run, 0, "one");
        self.send(run, 0, "two");
        self.ask(run, "question");
        self.ask(run, "question");
        self.retry_until(|world, host| {
            let event = host.notify_run(run, "e".into(), json_payload("1"));
            world.run(event).ok()
        });
        self.retry_until(|world, _| {
            let state = world.reading().state(run).ok()??;
            state.status.has_ended().then_some(())
        });
        self.retry_until(|world, _| {
            let reading = world.reading();
            let state = reading.state(run).ok()??;
            assert_eq!(state.status, Status::Completed, "{:?}", state.failure);
            assert!(state.time >= midnight, "it was woken too early");
            let logs = reading.logs(run).ok()?;
            assert_eq!(logs.len(), 1, "{logs:?}");
            let output = reading.output(run).ok()??;
            let told = stable_parts(&serde_json::from_slice(&output.body).unwrap());
            assert_eq!(told[5], json!(5), "the scenario was played: {told}");
            assert_eq!(
                told[15],
                json!([null, null, null, {"error": "abandoned"}, null, [null, null]])
            );
            Some(told)
        })
    }
}

const SCENARIO: Scenario = Scenario {
    play: Player::play,
    check: one_key,
};

fn one_key(player: &Player) {
    let sent = player.world.egress().sent();
    let headers = sent.iter().flat_map(|request| &request.headers);
    let keys: BTreeSet<_> = headers
        .filter(|(name, _)| name == "Idempotency-Key")
        .map(|(_, value)| value.clone())
        .collect();
    assert_eq!(keys.len(), 1, "one key, whatever happens");
}

#[test]
fn a_crash_at_every_operation_on_the_disk_changes_nothing() {
    crash_at_every_operation(&SCENARIO, false);
}

#[test]
fn a_crash_that_tears_what_was_not_synced_changes_nothing() {
    crash_at_every_operation(&SCENARIO, true);
}

#[test]
fn a_crash_at_every_commit_in_memory_changes_nothing() {
    crash_at_every_commit(&SCENARIO);
}
