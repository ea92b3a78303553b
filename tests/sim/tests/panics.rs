//! A panic at any place leaves nothing stuck: the scenario ends as if there had been no panic.
//!
//! The panics come from requests to the machine (for its clock, a timer, another task), which every task of the host
//! makes often. The driver repeats a request with the same key until it is answered, as real callers do.

use std::collections::BTreeSet;

use dormouse_journal::{RunId, Status, json_payload};
use dormouse_runtime::{Received, Refusal, Runtime, Start};
use dormouse_sim::{StoreKind, World, on_both, post};
use serde_json::{Value, json};

/// The number of places that are tried. They are spread over all places.
const TRIED: u64 = 40;

/// How long a caller waits for an answer, in milliseconds.
const TIMEOUT: u64 = 20_000;

fn script() -> Value {
    let call = json!({"call": {"url": "http://service.example/", "attempts": 9}});
    json!({"seq": [
        {"webhook": "a"},
        {"webhook": "b", "options": {"reply": {"from-workflow": 10_000}}},
        {"join": [call.clone(), call, {"sleep": 50}]},
        {"race": [{"wait": "a", "ms": null}, {"sleep": 50}]},
        {"wait": "a", "ms": null},
        {"step": "s", "value": 5},
        {"join": [{"wait": "a", "ms": null}, {"sleep": 100}]},
        {"notify": "nobody", "run": null, "body": 1},
        {"wait": "b", "ms": null},
        {"respond": {"status": 201, "body": "yes"}},
        {"event": "e", "ms": null},
        {"sleep": 1_000},
    ]})
}

struct Player {
    world: World,
    host: Runtime,
}

impl Player {
    fn new(store_kind: StoreKind) -> Self {
        let (world, host) = World::with_script(store_kind, 17, |settings| {
            settings.limits.warm_memory = 0;
        });
        Player { world, host }
    }

    /// Does something in a task of its own until it succeeds.
    fn retry_until<T, F>(&self, act: impl Fn(Runtime) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = Option<T>> + Send + 'static,
    {
        for _ in 0..20 {
            let done = self.world.within(TIMEOUT, act(self.host.clone()));
            if let Some(Some(done)) = done {
                return done;
            }
            self.world.pass(20);
        }
        panic!("it never succeeds");
    }

    fn start(&self, key: String) -> RunId {
        self.retry_until(move |host| {
            let start = Start {
                workflow: "script".into(),
                version: None,
                input: json_payload(script().to_string()),
                headers: Vec::new(),
                idempotency_key: Some(key.clone()),
                restarted: None,
                trigger: None,
                labels: dormouse_journal::Labels::default(),
            };
            async move { host.start(start).await.ok().map(|(run, _)| run) }
        })
    }

    fn send(&self, run: RunId, webhook: usize, body: &'static str) -> Received {
        let mut url = None;
        self.wait_for(|| {
            let webhooks = self.world.reading().webhooks(run).ok()?;
            url = webhooks.get(webhook).map(|view| view.url.clone());
            url.is_some().then_some(())
        });
        let url = url.unwrap();
        self.retry_until(move |host| {
            let url = url.clone();
            async move {
                let sent = post(&host, &url, &[("idempotency-key", body)], body).await;
                if let Err(refusal) = &sent {
                    assert!(matches!(refusal, Refusal::Unavailable(_)), "{refusal}");
                }
                sent.ok()
            }
        })
    }

    fn wait_for<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        for _ in 0..1_000 {
            if let Some(found) = look() {
                return found;
            }
            self.world.pass(250);
        }
        panic!("it never comes to that");
    }

    /// Plays the scenario of two runs, and returns their results.
    fn play(&self) -> Vec<Value> {
        let runs = ["one", "two"].map(|key| self.start(key.into()));
        for run in runs {
            // The wait in the race must have lost before the first request comes.
            self.wait_for(|| {
                let open = self.world.reading().open(run).ok()?;
                let view = self.world.reading().state(run).ok()??;
                (view.activations > 4 && open.len() == 1).then_some(())
            });
            self.send(run, 0, "first");
            self.send(run, 0, "second");
            let answered = (0..20).any(|_| {
                let received = self.send(run, 1, "question");
                matches!(received, Received::Answered { .. })
            });
            assert!(answered, "there is no answer");
            self.retry_until(move |host| async move {
                host.notify_run(run, "e".into(), json_payload("1"))
                    .await
                    .ok()
            });
        }
        let ends = runs.map(|run| {
            self.wait_for(|| {
                let state = self.world.reading().state(run).ok()??;
                state.status.has_ended().then_some(())
            });
            assert_eq!(self.world.status(run), Status::Completed);
            let output = self.world.reading().output(run).ok().flatten().unwrap();
            stable_parts(&serde_json::from_slice(&output.body).unwrap())
        });
        // No instance is in use any more, and nothing is under way.
        self.world.pass(1_000);
        assert_eq!(self.host.instances().0, 0);
        let stopping = self.host.clone();
        let stopped = self
            .world
            .within(TIMEOUT, async move { stopping.stop().await });
        assert!(stopped.is_some(), "the host does not stop");
        ends.into()
    }
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

fn a_panic_at_any_place_leaves_nothing_stuck(store_kind: StoreKind) {
    let undisturbed = Player::new(store_kind);
    undisturbed.world.panic_at(None);
    let expected = undisturbed.play();
    let (places, _) = undisturbed.world.panics();
    assert!(places > TRIED, "{places}");

    let mut panicked = 0;
    let tried: BTreeSet<u64> = (0..TRIED).map(|number| number * places / TRIED).collect();
    for place in tried {
        let player = Player::new(store_kind);
        player.world.panic_at(Some(place));
        assert_eq!(player.play(), expected, "after a panic at place {place}");
        panicked += player.world.panics().1;
        for request in player.world.egress().sent() {
            let keys = request.headers.iter();
            let keys = keys.filter(|(name, _)| name == "Idempotency-Key");
            assert_eq!(keys.count(), 1);
        }
    }
    println!("{places} places, {panicked} tasks panicked");
}

on_both! {
    a_panic_at_any_place_leaves_nothing_stuck,
}
