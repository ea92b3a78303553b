//! Plays a scenario on a host that may be lost at any time, and plays it again with a failure of power at each of its
//! places.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use dormouse_journal::{Payload, Request, Response, RunId, Status, VersionId, json_payload};
use dormouse_runtime::{Received, Refusal, RepairError, Retry, Runtime, Settings, Start};
use dormouse_sim::{SeededRng, SimEgress, StoreKind, World, guest, other_version};
use serde_json::Value;

/// Plays the scenario. When a host seems to be lost, the next one is started.
pub(crate) struct Player {
    pub(crate) world: World,
    host: Option<Runtime>,
    pub(crate) crashes: usize,
}

impl Player {
    fn new(store_kind: StoreKind) -> Self {
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
        Player {
            world: World::new(store_kind, 7, SimEgress::new(answer), settings),
            host: None,
            crashes: 0,
        }
    }

    /// Returns a host that has not failed.
    pub(crate) fn host(&mut self) -> Runtime {
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
    pub(crate) fn retry_until<T>(
        &mut self,
        mut act: impl FnMut(&World, &Runtime) -> Option<T>,
    ) -> T {
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

    /// Starts a run whose code cannot execute the script, waits for this status, deploys code that can, and retries the
    /// run.
    pub(crate) fn repair(&mut self, script: impl Fn(VersionId) -> Value, status: Status) -> RunId {
        let (first, second) = (guest("script"), other_version());
        let broken = VersionId::of(&first);
        self.retry_until(|world, host| world.run(host.deploy("script", first.clone())).ok());
        let run = self.start("script", &json_payload(script(broken).to_string()));
        self.retry_until(|world, _| {
            let state = world.reading().state(run).ok()??;
            (state.status == status).then_some(())
        });
        self.retry_until(|world, host| world.run(host.deploy("script", second.clone())).ok());
        self.retry_until(
            |world, host| match world.run(host.retry(run, &Retry::default())) {
                // The answer to the previous retry may have been lost.
                Ok(_) | Err(RepairError::NotBlocked(_) | RepairError::Ended(_)) => Some(()),
                Err(_) => None,
            },
        );
        run
    }

    /// Sends a request to a webhook of the run until it is acknowledged, always with the same key.
    pub(crate) fn send(&mut self, run: RunId, webhook: usize, body: &str) -> Received {
        self.retry_until(|world, host| {
            let webhooks = world.reading().webhooks(run).ok()?;
            let url = webhooks.get(webhook)?.url.clone();
            let sent = world.post(host, &url, &[("idempotency-key", body)], body);
            if let Err(refusal) = &sent {
                assert!(matches!(refusal, Refusal::Unavailable(_)), "{refusal}");
            }
            sent.ok()
        })
    }

    /// Starts one run of a workflow, however many attempts that takes.
    pub(crate) fn start(&mut self, workflow: &'static str, input: &Payload) -> RunId {
        self.retry_until(|world, host| {
            let start = Start {
                workflow: workflow.into(),
                version: None,
                input: input.clone(),
                headers: Vec::new(),
                idempotency_key: Some("the scenario".into()),
                restarted: None,
                trigger: None,
                labels: dormouse_journal::Labels::default(),
            };
            world.run(host.start(start)).ok().map(|(run, _)| run)
        })
    }
}

/// A scenario. `play` plays it, and returns the parts of its result that are always the same.
pub(crate) struct Scenario {
    pub(crate) play: fn(&mut Player) -> Value,
    /// Checks the other conditions that must hold after a crash.
    pub(crate) check: fn(&Player),
}

/// Makes the power fail at every operation on the disk. If `tears` is true, a random part of the writes that were not
/// synced is kept.
pub(crate) fn crash_at_every_operation(scenario: &Scenario, tears: bool) {
    crash_on_disk(scenario, tears, 0, 1);
}

/// Makes the power fail at every seventh operation on the disk, from a random first one, and keeps a random part of the
/// writes that were not synced. This is enough for scenarios that also fail at every commit in memory.
pub(crate) fn crash_at_every_seventh_operation(scenario: &Scenario) {
    let first = RandomState::new().hash_one("first") % 7;
    crash_on_disk(scenario, true, usize::try_from(first).unwrap(), 7);
}

fn crash_on_disk(scenario: &Scenario, tears: bool, first: usize, each: usize) {
    let operations = |undisturbed: &World| undisturbed.disk().log().len();
    crash_everywhere(
        scenario,
        StoreKind::Disk,
        (operations, first, each),
        |world, place| {
            if tears {
                world.disk().tear(SeededRng::new(place as u64));
            }
            world.disk().fail_after(place);
        },
    );
}

/// Makes the host fail at every commit.
pub(crate) fn crash_at_every_commit(scenario: &Scenario) {
    let commits = |undisturbed: &World| undisturbed.memory().faults().commits();
    crash_everywhere(
        scenario,
        StoreKind::Memory,
        (commits, 0, 1),
        |world, place| {
            world.memory().faults().fail_after(place as u64);
        },
    );
}

/// Plays the scenario once without a failure, and then again with a crash at each of its places, from the first given one
/// and in steps of the given size.
fn crash_everywhere(
    scenario: &Scenario,
    store_kind: StoreKind,
    (places, first, each): (impl Fn(&World) -> usize, usize, usize),
    fail_at: impl Fn(&World, usize),
) {
    let mut undisturbed = Player::new(store_kind);
    let expected = (scenario.play)(&mut undisturbed);
    (scenario.check)(&undisturbed);
    let places = places(&undisturbed.world);

    let (mut tried, mut crashes) = (0, 0);
    for place in (first..places).step_by(each) {
        tried += 1;
        let mut player = Player::new(store_kind);
        fail_at(&player.world, place);
        assert_eq!(
            (scenario.play)(&mut player),
            expected,
            "after a crash at place {place}"
        );
        (scenario.check)(&player);
        crashes += player.crashes;
    }
    println!("{tried} of {places} places, {crashes} crashes");
    assert!(
        crashes >= tried * 9 / 10,
        "the power did not fail often enough to tell"
    );
}
