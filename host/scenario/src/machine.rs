//! The simulated host that a scenario is played on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dormouse_engine::Engine;
use dormouse_journal::{Response, RunId, Time};
use dormouse_runtime::{Compiler, Parts, Received, Refusal, Runtime, Settings};
use dormouse_seams::{Clock, Task};
use dormouse_secret::SecretKeys;
use dormouse_simulation::{Executor, Seam, Seeded};
use dormouse_store::{Read, StoreReader};
use dormouse_store_memory::Memory;

use crate::network::{Network, Outside, Rules};

/// What a caller of a webhook is told, as the host says it over HTTP.
pub type Told = fn(Result<Received, Refusal>) -> Response;

/// Seals the secrets of scenarios, which are no secrets.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// What webhooks' URLs begin with.
const PUBLIC_URL: &str = "https://dormouse.test";

/// A workflow that takes part, and what plays it.
#[derive(Clone)]
pub struct Code {
    /// The workflow that is tested, and the others: each with its name and what is uploaded of it.
    pub workflows: Vec<(String, Bytes)>,
    /// Runs components.
    pub engine: Engine,
    /// Compiles them.
    pub compiler: Arc<dyn Compiler>,
    /// The processor time that the calling thread has used.
    pub thread_time: fn() -> Duration,
    /// How much of it a scenario may take.
    pub most_time: Duration,
    /// What callers of webhooks are told.
    pub told: Told,
    /// What becomes of attempts at calls without a network.
    pub rules: Rules,
}

/// What keeps a scenario from being played on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble(pub(crate) String);

impl From<String> for Trouble {
    fn from(text: String) -> Self {
        Trouble(text)
    }
}

/// The machine and the host on it.
pub(crate) struct Machine {
    pub(crate) executor: Arc<Executor>,
    pub(crate) runtime: Runtime,
    pub(crate) network: Network,
    reader: Arc<dyn StoreReader>,
}

impl Machine {
    /// Starts a host at this time that has these workflows.
    pub(crate) fn start(code: &Code, time: Time) -> Result<Self, Trouble> {
        let executor = Executor::new(time);
        let seam = Seam(executor.clone());
        let clock = Arc::new(Clocks {
            seam: seam.clone(),
            thread_time: code.thread_time,
        });
        let network = Network::default();
        let entropy = Arc::new(Seeded::new(0));
        let opening = async {
            let spawner = Arc::new(seam.clone());
            let store = Memory::default();
            let store = store.open(clock, &*entropy, spawner.clone()).await;
            let parts = Parts {
                store: Arc::new(store.map_err(|error| error.to_string())?),
                entropy,
                spawner,
                egress: Arc::new(Outside {
                    network: network.clone(),
                    clock: seam,
                    rules: code.rules,
                }),
                compiler: code.compiler.clone(),
            };
            let runtime = Runtime::open(parts, code.engine.clone(), settings()?).await;
            runtime.map_err(|error| error.to_string())
        };
        let runtime = executor.run(opening).ok_or_else(stuck)??;
        let machine = Machine {
            reader: runtime.reader(),
            executor,
            runtime,
            network,
        };
        for (name, upload) in &code.workflows {
            let deployed = machine.run(machine.runtime.deploy(name, upload.clone()))?;
            deployed.map_err(|error| format!("{name} cannot be deployed: {error}"))?;
        }
        Ok(machine)
    }

    /// Runs until this is done.
    pub(crate) fn run<F: Future>(&self, future: F) -> Result<F::Output, Trouble> {
        self.executor.run(future).ok_or_else(stuck)
    }

    /// Asks the store.
    pub(crate) fn read<T>(
        &self,
        ask: impl FnOnce(&dyn StoreReader) -> Read<T>,
    ) -> Result<T, Trouble> {
        let answer = self.run(ask(&*self.reader))?;
        answer.map_err(|error| Trouble(error.to_string()))
    }

    pub(crate) fn now(&self) -> Time {
        self.executor.time()
    }

    /// Runs whatever is to be done at this instant.
    pub(crate) fn settle(&self) -> Result<(), Trouble> {
        let settled = self.executor.settle();
        settled.map_err(|error| Trouble(error.to_string()))
    }

    /// Returns when something happens next by itself, as far as the host knows: a deadline, an attempt at a call, the end of
    /// one that waits for its answer.
    pub(crate) fn next(&self) -> Result<Option<Time>, Trouble> {
        let now = self.now();
        let moment = self.runtime.clock().moment();
        let timers = self.read(|store| store.timers(None, moment, 1))?;
        if !timers.due.is_empty() {
            return Ok(Some(now));
        }
        let expiry = self.read(StoreReader::next_expiry)?;
        let calls = self.read(|store| store.calls(None, MOST_CALLS))?.calls;
        let attempts = calls.into_iter().map(|call| call.attempts.next);
        let attempts = attempts.filter(|time| *time > now);
        let gives_up = self
            .network
            .look(|waiting| waiting.iter().map(|waiting| waiting.until).min());
        let times = timers.next.into_iter().chain(expiry);
        let next = times.chain(attempts).chain(gives_up).min();
        // What has ended expires some time, which is nothing that happens in a scenario.
        Ok(next.filter(|next| next.0 < now.0.saturating_add(FOR_EVER / 2)))
    }

    /// Moves time on to this instant, and runs whatever is to be done then. What would have happened on the way happens late.
    pub(crate) fn jump(&self, time: Time) -> Result<(), Trouble> {
        let now = self.now();
        if time > now {
            self.executor.pass(time.0 - now.0);
        } else {
            // What is due needs a moment more.
            self.executor.advance();
        }
        self.settle()
    }

    /// Returns a run of a workflow: the one of this number, counted from 1 in the order of their starts, or the last.
    pub(crate) fn run_of(
        &self,
        workflow: &str,
        number: Option<usize>,
    ) -> Result<Option<RunId>, Trouble> {
        let query = dormouse_store::RunQuery {
            workflow: Some(workflow.to_owned()),
            limit: MOST_RUNS,
            ..dormouse_store::RunQuery::default()
        };
        let page = self.read(|store| store.runs(query))?;
        // They are listed the newest first.
        let mut runs = page.runs.iter().map(|view| view.id);
        Ok(match number {
            None => runs.next(),
            Some(number) => runs.rev().nth(number.saturating_sub(1)),
        })
    }
}

/// How many runs of a workflow a scenario can name.
const MOST_RUNS: usize = 10_000;

/// Longer than any scenario takes, in milliseconds: 10,000 years.
const FOR_EVER: u64 = 10_000 * 365 * 24 * 3_600_000;

/// How many calls may wait for an attempt at a time, in all runs.
pub(crate) const MOST_CALLS: usize = 10_000;

fn stuck() -> Trouble {
    Trouble("the host waits for something that never comes".into())
}

fn settings() -> Result<Settings, String> {
    let keys = SecretKeys::parse(KEY).map_err(|error| error.to_string())?;
    let mut settings = Settings {
        public_url: PUBLIC_URL.into(),
        secret_keys: Some(Arc::new(keys)),
        // Each activation replays the journal before it.
        rebuild_after_step: true,
        ..Settings::default()
    };
    settings.limits.warm_memory = 0;
    // What has ended is looked at, however much time passes.
    settings.limits.retention = FOR_EVER;
    settings.limits.broken_retention = FOR_EVER;
    Ok(settings)
}

/// Simulated time, and the processor's, by which a workflow that computes for ever is found.
struct Clocks {
    seam: Seam,
    thread_time: fn() -> Duration,
}

impl Clock for Clocks {
    fn date(&self) -> Time {
        self.seam.date()
    }

    fn elapsed(&self) -> u64 {
        self.seam.elapsed()
    }

    fn boot(&self) -> Option<[u8; 16]> {
        self.seam.boot()
    }

    fn sleep_until(&self, elapsed: u64) -> Task {
        self.seam.sleep_until(elapsed)
    }

    fn thread_time(&self) -> Duration {
        (self.thread_time)()
    }
}
