//! The power fails at every single operation on the disk, and the story ends as if it had not.
//!
//! The story has every operation of the contract: webhooks, one of which is closed, a call, requests before and after
//! their wait, a lost race, timers, a step, events both ways, a caller whom the workflow answers, and waits, a sleep
//! and a call that are given up. The driver does what real callers do: whoever gets no answer asks again with the same
//! key.

use bytes::Bytes;
use dormouse_journal::{Request, Response, RunId, Status, Time, json_payload};
use dormouse_runtime::{Received, Refusal, Runtime, Settings, Start};
use dormouse_sim::{Dice, Ground, SimEgress, World, guest};
use serde_json::{Value, json};

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

/// What is always the same in the result: bodies, outcomes and order, but no ids, times and URLs.
fn essence(result: &Value) -> Value {
    match result {
        Value::Object(fields) if fields.contains_key("body") => fields["body"].clone(),
        Value::Array(items) => items.iter().map(essence).collect(),
        Value::String(text) if text.starts_with("http") => json!("url"),
        other => other.clone(),
    }
}

/// Tells the story. At each sign of a lost host the next one takes over.
struct Teller {
    world: World,
    host: Option<Runtime>,
    crashes: usize,
}

impl Teller {
    fn new(ground: Ground) -> Self {
        let answer = |_: &Request| {
            Ok(Response {
                status: 200,
                headers: Vec::new(),
                body: Bytes::new(),
            })
        };
        let settings = Settings {
            rebuild_after_step: true,
            ..Settings::default()
        };
        Teller {
            world: World::new(ground, 7, SimEgress::new(answer), settings),
            host: None,
            crashes: 0,
        }
    }

    /// A host that is alive.
    fn host(&mut self) -> Runtime {
        if self.host.as_ref().is_some_and(Runtime::has_failed)
            && let Some(host) = self.host.take()
        {
            self.crashes += 1;
            self.world.crash(host, 5);
        }
        while self.host.is_none() {
            match self.world.try_host() {
                Ok(host) => self.host = Some(host),
                Err(error) => {
                    self.crashes += 1;
                    assert!(self.crashes < 5, "the host does not come back: {error}");
                    self.world.crash_without_host(5);
                }
            }
        }
        self.host.clone().unwrap()
    }

    /// Does something until it succeeds.
    fn insist<T>(&mut self, mut act: impl FnMut(&World, &Runtime) -> Option<T>) -> T {
        for _ in 0..1_000 {
            let host = self.host();
            if let Some(done) = act(&self.world, &host) {
                return done;
            }
            drop(host);
            self.world.pass(20);
        }
        panic!("it never succeeds");
    }

    /// Sends a request to a webhook of the run until it is acknowledged, under one key.
    fn send(&mut self, run: RunId, webhook: usize, body: &'static str) -> Received {
        self.insist(|world, host| {
            let url = world.reading().webhooks(run).ok()?[webhook].url.clone();
            let sent = world.post(host, &url, &[("idempotency-key", body)], body);
            if let Err(refusal) = &sent {
                assert!(matches!(refusal, Refusal::Unavailable(_)), "{refusal}");
            }
            sent.ok()
        })
    }

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

    fn tell(&mut self) -> Value {
        let midnight = self.world.now().after(2_000);
        self.insist(|world, host| world.run(host.deploy("script", guest("script"))).ok());
        let run: RunId = self.insist(|world, host| {
            let start = Start {
                workflow: "script".into(),
                version: None,
                input: json_payload(script(midnight).to_string()),
                headers: Vec::new(),
                idempotency_key: Some("the story".into()),
                restarted: None,
                labels: dormouse_journal::Labels::default(),
            };
            world.run(host.start(start)).ok().map(|(run, _)| run)
        });
        // The wait that raced must have lost before the first request comes.
        self.insist(|world, _| {
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
        self.insist(|world, host| {
            let event = host.notify_run(run, "e".into(), json_payload("1"));
            world.run(event).ok()
        });
        self.insist(|world, _| {
            let state = world.reading().state(run).ok()??;
            state.status.has_ended().then_some(())
        });
        self.insist(|world, _| {
            let reading = world.reading();
            let state = reading.state(run).ok()??;
            assert_eq!(state.status, Status::Completed, "{:?}", state.failure);
            assert!(state.time >= midnight, "it was woken too early");
            let logs = reading.logs(run).ok()?;
            assert_eq!(logs.len(), 1, "{logs:?}");
            let output = reading.output(run).ok()??;
            Some(essence(&serde_json::from_slice(&output.body).unwrap()))
        })
    }
}

#[test]
fn a_crash_at_every_operation_on_the_disk_changes_nothing() {
    crash_at_every_operation(false);
}

#[test]
fn a_crash_that_tears_what_was_not_synced_changes_nothing() {
    crash_at_every_operation(true);
}

fn crash_at_every_operation(tears: bool) {
    let operations = |undisturbed: &World| undisturbed.disk().log().len();
    crash_everywhere(Ground::Disk, operations, |world, place| {
        if tears {
            world.disk().tear(Dice::new(place as u64));
        }
        world.disk().fail_after(place);
    });
}

#[test]
fn a_crash_at_every_commit_in_memory_changes_nothing() {
    let commits = |undisturbed: &World| undisturbed.memory().faults().commits();
    crash_everywhere(Ground::Memory, commits, |world, place| {
        world.memory().faults().fail_after(place as u64);
    });
}

/// Tells the story once undisturbed, and then again with a crash at each of its places.
fn crash_everywhere(
    ground: Ground,
    places: impl Fn(&World) -> usize,
    fail_at: impl Fn(&World, usize),
) {
    let mut undisturbed = Teller::new(ground);
    let expected = undisturbed.tell();
    let places = places(&undisturbed.world);
    assert_eq!(expected[5], json!(5), "the story was told: {expected}");
    assert_eq!(
        expected[15],
        json!([null, null, null, {"error": "abandoned"}, null, [null, null]])
    );

    let mut crashes = 0;
    for place in 0..places {
        let mut teller = Teller::new(ground);
        fail_at(&teller.world, place);
        assert_eq!(teller.tell(), expected, "after a crash at place {place}");
        crashes += teller.crashes;
        let keys: std::collections::BTreeSet<_> = teller
            .world
            .egress()
            .sent()
            .iter()
            .flat_map(|request| &request.headers)
            .filter(|(name, _)| name == "Idempotency-Key")
            .map(|(_, value)| value.clone())
            .collect();
        assert_eq!(keys.len(), 1, "one key through a crash at place {place}");
    }
    println!("{places} places, {crashes} crashes");
    assert!(
        crashes >= places * 9 / 10,
        "the power did not fail often enough to tell"
    );
}
