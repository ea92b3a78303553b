//! The simulated host on which a scenario is played.

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

use crate::network::{Network, NetworkEgress, Rules};

/// Returns the HTTP response with which the host answers a caller of a webhook.
pub type MakeResponse = fn(Result<Received, Refusal>) -> Response;

/// The key that seals the secrets of scenarios. It protects no real secret.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The beginning of the URLs of webhooks.
const PUBLIC_URL: &str = "https://dormouse.test";

/// The workflows of a scenario, and what is needed to play it.
#[derive(Clone)]
pub struct Code {
    /// The tested workflow, followed by the others, each with its name and its uploaded bytes.
    pub workflows: Vec<(String, Bytes)>,
    /// The engine that runs the components.
    pub engine: Engine,
    /// The compiler of the components.
    pub compiler: Arc<dyn Compiler>,
    /// Returns the processor time that the calling thread has used.
    pub thread_time: fn() -> Duration,
    /// The largest processor time of a scenario.
    pub most_time: Duration,
    /// Returns the answers to callers of webhooks.
    pub make_response: MakeResponse,
    /// The rules for attempts at calls, which are not sent to a network.
    pub rules: Rules,
}

/// Why a scenario cannot be played on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlayError(pub(crate) String);

impl From<String> for PlayError {
    fn from(text: String) -> Self {
        PlayError(text)
    }
}

/// The machine, and the host on it.
pub(crate) struct Machine {
    pub(crate) executor: Arc<Executor>,
    pub(crate) runtime: Runtime,
    pub(crate) network: Network,
    reader: Arc<dyn StoreReader>,
}

impl Machine {
    /// Starts a host with these workflows at this time.
    pub(crate) fn start(code: &Code, time: Time) -> Result<Self, PlayError> {
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
                egress: Arc::new(NetworkEgress {
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

    /// Runs the machine until the future is done.
    pub(crate) fn run<F: Future>(&self, future: F) -> Result<F::Output, PlayError> {
        self.executor.run(future).ok_or_else(stuck)
    }

    /// Reads from the store.
    pub(crate) fn read<T>(
        &self,
        ask: impl FnOnce(&dyn StoreReader) -> Read<T>,
    ) -> Result<T, PlayError> {
        let answer = self.run(ask(&*self.reader))?;
        answer.map_err(|error| PlayError(error.to_string()))
    }

    pub(crate) fn now(&self) -> Time {
        self.executor.time()
    }

    /// Runs everything that is due at this instant.
    pub(crate) fn settle(&self) -> Result<(), PlayError> {
        let settled = self.executor.settle();
        settled.map_err(|error| PlayError(error.to_string()))
    }

    /// Returns when something happens next by itself, as far as the host knows: a deadline, an attempt at a call, or
    /// the end of an attempt that waits for its answer.
    pub(crate) fn next(&self) -> Result<Option<Time>, PlayError> {
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
        // The expiry of ended runs does not count as an event of a scenario.
        Ok(next.filter(|next| next.0 < now.0.saturating_add(FOR_EVER / 2)))
    }

    /// Moves time on to this instant, and runs everything that is due then. Events that were due before happen late.
    pub(crate) fn jump(&self, time: Time) -> Result<(), PlayError> {
        let now = self.now();
        if time > now {
            self.executor.pass(time.0 - now.0);
        } else {
            // Work that is due at this instant needs a later moment.
            self.executor.advance();
        }
        self.settle()
    }

    /// Returns a run of a workflow: the run with this number in the order of the starts, or the last run. The first run
    /// is 1.
    pub(crate) fn run_of(
        &self,
        workflow: &str,
        number: Option<usize>,
    ) -> Result<Option<RunId>, PlayError> {
        let query = dormouse_store::RunQuery {
            workflow: Some(workflow.to_owned()),
            limit: MOST_RUNS,
            ..dormouse_store::RunQuery::default()
        };
        let page = self.read(|store| store.runs(query))?;
        // The newest run is the first in the list.
        let mut runs = page.runs.iter().map(|view| view.id);
        Ok(match number {
            None => runs.next(),
            Some(number) => runs.rev().nth(number.saturating_sub(1)),
        })
    }
}

/// The largest number of runs of a workflow that a scenario can name.
const MOST_RUNS: usize = 10_000;

/// A time that is longer than any scenario, in milliseconds: 10,000 years.
const FOR_EVER: u64 = 10_000 * 365 * 24 * 3_600_000;

/// The largest number of calls that wait for an attempt at the same time, in all runs.
pub(crate) const MOST_CALLS: usize = 10_000;

fn stuck() -> PlayError {
    PlayError("the host waits for something that cannot happen in a scenario".into())
}

fn settings() -> Result<Settings, String> {
    let keys = SecretKeys::parse(KEY).map_err(|error| error.to_string())?;
    let mut settings = Settings {
        public_url: PUBLIC_URL.into(),
        secret_keys: Some(Arc::new(keys)),
        // Each activation replays the journal of those before it.
        rebuild_after_step: true,
        ..Settings::default()
    };
    settings.limits.warm_memory = 0;
    // Ended runs are kept, since a scenario looks at them however much time passes.
    settings.limits.retention = FOR_EVER;
    settings.limits.broken_retention = FOR_EVER;
    Ok(settings)
}

/// The clock of simulated time, with the processor time of the thread, by which a workflow that computes without end is
/// found.
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
