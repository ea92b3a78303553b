//! The constructor of everything below HTTP, and what HTTP can ask of it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use dormouse_engine::{CpuClock, Engine};
use dormouse_journal::{Header, Payload, RunId, Status, Until, VersionId};
use dormouse_store::seams::{Entropy, Spawner, StorageBackend};
use dormouse_store::{
    BackupError, Cancelled, Commits, Following, HostClock, OpenError, Resumed, Run, RunView,
    Snapshot, StartRun, Started, State, Store, WriteError,
};
use futures::FutureExt;
use tokio::sync::Semaphore;

use crate::events::Events;
use crate::foretold::Fresh;
use crate::programs::Programs;
use crate::rates::{Rate, Rates};
use crate::replies::Callers;
use crate::run_ids::RunIds;
use crate::slots::{Hint, Slots};
use crate::timers::Timers;
use crate::urls::WebhookUrls;
use crate::waiters::Waiters;
use crate::{Egress, Parts, Settings, StartError, Unavailable};

/// The host below HTTP. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    core: Arc<Core>,
}

/// What the runtime's parts share.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) clock: HostClock,
    pub(crate) ids: RunIds,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) egress: Arc<dyn Egress>,
    pub(crate) programs: Programs,
    pub(crate) slots: Arc<Slots>,
    pub(crate) timers: Timers,
    pub(crate) events: Events,
    /// Those who wait for a run to end.
    pub(crate) watchers: Arc<Waiters<(RunId, Until), Status>>,
    pub(crate) callers: Arc<Callers>,
    /// A permit for each caller who is held.
    pub(crate) held: Semaphore,
    pub(crate) rates: Rates,
    pub(crate) urls: Arc<WebhookUrls>,
    pub(crate) calls_in_flight: Semaphore,
    pub(crate) settings: Settings,
}

/// A run to be started.
#[derive(Debug, Clone)]
pub struct Start {
    /// Its workflow.
    pub workflow: String,
    /// This version rather than the current one.
    pub version: Option<VersionId>,
    /// What it is given.
    pub input: Payload,
    /// The headers of the request. Credentials must have been left out.
    pub headers: Vec<Header>,
    /// By which a repeat of this start is known.
    pub idempotency_key: Option<String>,
}

/// Whether the host can take work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It cannot, for this reason.
    NotReady(String),
}

impl Runtime {
    /// Opens the store, and takes up all that is due.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn open(parts: Parts, engine: Engine, settings: Settings) -> Result<Self, OpenError> {
        let store = Store::open(
            parts.disk,
            parts.clock,
            &*parts.entropy,
            parts.spawner.clone(),
            dormouse_store::Options {
                cache: settings.store_cache,
                reserve: settings.disk_reserve,
                verify: settings.verify_store,
            },
        )?;
        let core = Arc::new(Core {
            clock: store.clock().clone(),
            ids: RunIds::default(),
            spawner: parts.spawner,
            entropy: parts.entropy,
            egress: parts.egress,
            programs: Programs::new(engine, store.clone(), parts.compiler),
            slots: Slots::new(settings.limits.instances, settings.limits.warm_memory),
            timers: Timers::default(),
            events: Events::default(),
            watchers: Waiters::new(),
            callers: Waiters::new(),
            held: Semaphore::new(settings.limits.held_replies as usize),
            rates: Rates::new(
                Rate::per_second(settings.limits.webhook_rate),
                Rate::per_second(settings.limits.host_rate),
            ),
            urls: Arc::new(WebhookUrls::new(
                &settings.public_url,
                &store.token_keys().keys,
            )),
            calls_in_flight: Semaphore::new(settings.limits.calls_in_flight as usize),
            store,
            settings,
        });
        core.start()
            .map_err(|error| OpenError::Damaged(error.to_string()))?;
        Ok(Runtime { core })
    }

    /// Starts a run. Gives its id, and whether it is new.
    ///
    /// # Errors
    /// When there is nothing of that name to start, or it cannot be made durable.
    pub async fn start(&self, start: Start) -> Result<(RunId, bool), StartError> {
        let run = self.core.new_id();
        let mut key = [0; 32];
        self.core.entropy.fill(&mut key);
        let name = start.workflow.clone();
        let started = self
            .start_and_wake(StartRun {
                run,
                workflow: start.workflow,
                version: start.version,
                input: start.input,
                headers: start.headers,
                key,
                limits: self.core.settings.limits.guest,
                idempotency_key: start.idempotency_key,
                remember: self.core.settings.duplicate_window,
            })
            .await?;
        match started {
            Started::New { version, .. } => {
                tracing::debug!(%run, workflow = name, %version, "a run was started");
                Ok((run, true))
            }
            Started::Existing(run) => Ok((run, false)),
            Started::OtherInput(run) => Err(StartError::OtherInput(run)),
            Started::UnknownWorkflow => Err(StartError::UnknownWorkflow(name)),
            Started::UnknownVersion => Err(StartError::UnknownVersion(name)),
            Started::Deleted => Err(StartError::Deleted(name)),
        }
    }

    /// The run is woken as soon as it has a place, and while that becomes durable.
    async fn start_and_wake(&self, start: StartRun) -> Result<Started, WriteError> {
        let core = self.core.clone();
        let (id, input) = (start.run, start.input.clone());
        let (workflow, headers) = (start.workflow.clone(), start.headers.clone());
        let (key, limits) = (start.key, start.limits);
        let foretold = move |started: &Started| -> Option<Following> {
            let Started::New { version, created } = *started else {
                return None;
            };
            let run = Run {
                workflow,
                version,
                created,
                key,
                limits,
                headers,
            };
            let state = State::pending(created);
            let view = RunView { id, run, state };
            let hint = Hint::Started(Box::new(Fresh { view, input }));
            Some(Box::new(move |hold| core.wake_early(id, hint, hold)))
        };
        self.core.store.start_run(start, foretold).await
    }

    /// Resolves when a run has come so far, this much time has passed, or the host stops. Gives where it stands, if there is
    /// such a run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn wait_until(
        &self,
        run: RunId,
        until: Until,
        wait: Duration,
    ) -> Result<Option<Status>, Unavailable> {
        // Watch first, look second: what happens in between is not missed.
        let mut reached = self.core.watchers.wait((run, until)).fuse();
        let status = self.status(run)?;
        if status.is_none_or(|status| until.is_reached_by(status)) {
            return Ok(status);
        }
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let mut passed = self
            .core
            .clock
            .sleep_until(self.core.clock.now().after(wait))
            .fuse();
        futures::select_biased! {
            status = reached => match status {
                Some(status) => Ok(Some(status)),
                None => self.status(run),
            },
            () = passed => self.status(run),
        }
    }

    /// Where a run stands, if there is such a run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self, run: RunId) -> Result<Option<Status>, Unavailable> {
        let state = self.read()?.state(run)?;
        Ok(state.map(|state| state.status))
    }

    /// Ends a run.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn cancel(&self, run: RunId) -> Result<Cancelled, Unavailable> {
        let cancelled = self
            .core
            .store
            .cancel(run, self.core.settings.retention)
            .await?;
        if cancelled == Cancelled::Now {
            tracing::info!(%run, "a run was cancelled");
            self.core.slots.forget(run);
            self.core.tell_watchers(run, Status::Cancelled);
        }
        Ok(cancelled)
    }

    /// Tries a blocked run again.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn resume(&self, run: RunId) -> Result<Resumed, Unavailable> {
        let resumed = self.core.store.resume(run).await?;
        if resumed == Resumed::Now {
            self.core.wake(run, Hint::Anything);
        }
        Ok(resumed)
    }

    /// Deletes a workflow: no new runs, until it is deployed again. Gives false if there is none of this name.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn delete_workflow(&self, name: &str) -> Result<bool, Unavailable> {
        Ok(self.core.store.delete_workflow(name.to_owned()).await?)
    }

    /// What is durable right now, to be read.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn read(&self) -> Result<Snapshot, Unavailable> {
        Ok(self.core.store.read()?)
    }

    /// Copies everything that is durable now into `target`, an empty store on the data directory's disk. It blocks its
    /// thread, and asks `is_wanted` every now and then whether to go on. A host that stops does not.
    ///
    /// # Errors
    /// When it does not go on, there is too little space, or a disk fails.
    pub fn back_up(
        &self,
        target: Box<dyn StorageBackend>,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<(), BackupError> {
        let slots = &self.core.slots;
        let is_wanted = || is_wanted() && !slots.is_stopping();
        self.core.store.back_up(target, &is_wanted)
    }

    /// Whether an activation of this run is executing or about to.
    #[must_use]
    pub fn is_active(&self, run: RunId) -> bool {
        self.core.slots.is_active(run)
    }

    /// How many runs are being executed, and how many sleep with their instance kept.
    #[must_use]
    pub fn instances(&self) -> (usize, usize) {
        self.core.slots.counts()
    }

    /// What was made durable since the host started.
    #[must_use]
    pub fn commits(&self) -> Commits {
        self.core.store.commits()
    }

    /// How many callers of webhooks are held until their workflows have answered.
    #[must_use]
    pub fn held(&self) -> usize {
        let most = self.core.settings.limits.held_replies as usize;
        most.saturating_sub(self.core.held.available_permits())
    }

    /// The host's clock.
    #[must_use]
    pub fn clock(&self) -> &HostClock {
        &self.core.clock
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.core.settings
    }

    /// Whether the host can take work.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        if let Some(failure) = self.core.store.failure() {
            Readiness::NotReady(failure.to_string())
        } else if self.core.slots.is_stopping() {
            Readiness::NotReady("the host is stopping".into())
        } else if self.core.store.is_full() {
            Readiness::NotReady("the disk of the data directory is full; reading goes on".into())
        } else {
            Readiness::Ready
        }
    }

    /// Whether the disk has failed, so that the host must exit.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.core.store.failure().is_some()
    }

    /// Takes no more work, and resolves when what is being executed has been committed or thrown away, and attempts
    /// at calls that were under way have been recorded. Whoever cannot wait for those counts them as cut off.
    ///
    /// Callers who are held get what is decided within [`HOLD_AT_STOP`], and are let go then.
    pub async fn stop(&self) {
        let clock = &self.core.clock;
        let mut stopped = pin!(self.core.slots.stop().fuse());
        let mut passed = clock.sleep_until(clock.now().after(HOLD_AT_STOP)).fuse();
        let all_stopped = futures::select_biased! {
            () = stopped => true,
            () = passed => false,
        };
        self.core.watchers.release_all();
        self.core.callers.release_all();
        if !all_stopped {
            stopped.await;
        }
        let all = self.core.settings.limits.calls_in_flight;
        // The semaphore is never closed, and all of its permits come back.
        let _ = self.core.calls_in_flight.acquire_many(all).await;
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn store(&self) -> &Store {
        &self.core.store
    }

    pub(crate) fn programs(&self) -> &Programs {
        &self.core.programs
    }
}

/// How many milliseconds a stopping host leaves to activations before it lets callers go who wait for what they decide.
/// The rest of its time to leave is for answering them.
const HOLD_AT_STOP: u64 = 1_000;

/// How many blocked runs are read at once.
const PAGE: usize = 256;

impl Core {
    /// Takes up all that is due, and starts what looks after it from now on.
    fn start(self: &Arc<Self>) -> Result<(), Unavailable> {
        self.warn_of_closed_secrets();
        self.recover_calls()?;
        self.unblock()?;
        if self.store.read()?.is_broadcasting()? {
            self.events.hint();
        }
        self.wake_due()?;
        self.spawner.spawn(Box::pin(self.clone().run_timers()));
        self.spawner.spawn(Box::pin(self.clone().run_events()));
        self.spawner.spawn(Box::pin(self.clone().run_retirement()));
        self.spawner.spawn(Box::pin(self.clone().run_refresh()));
        Ok(())
    }

    /// A restart may have brought what blocked runs were missing. Those that still cannot go on are blocked again.
    fn unblock(self: &Arc<Self>) -> Result<(), Unavailable> {
        let mut after = None;
        loop {
            let page = self.store.read()?.blocked_runs(after, PAGE)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(*last);
            for run in page {
                let core = self.clone();
                self.spawner.spawn(Box::pin(async move {
                    match core.store.resume(run).await {
                        Ok(_) => core.wake(run, Hint::Anything),
                        Err(error) => {
                            tracing::warn!(%run, %error, "a blocked run could not be tried again");
                        }
                    }
                }));
            }
        }
    }
}

/// Processor time for the engine, from the host's clock.
pub(crate) struct Cpu(pub(crate) HostClock);

impl CpuClock for Cpu {
    fn thread_time(&self) -> Duration {
        self.0.thread_time()
    }
}
