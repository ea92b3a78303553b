//! Builds the services of a host from its parts, and connects them.
//!
//! Each service owns its own fields and gets only what it needs: the store, the clock, the spawner, and the handle that
//! wakes runs.

use std::sync::Arc;

use dormouse_engine::Engine;
use dormouse_limits::Budget;
use dormouse_seams::{HostClock, Spawner};
use dormouse_store::{ReadError, Store};
use tokio::sync::{Mutex, Notify};

use crate::call_attempt::CallSender;
use crate::call_results::CallResults;
use crate::calls::{CallParts, Calls};
use crate::clock_watch::ClockWatch;
use crate::deadlines::Deadlines;
use crate::decisions::NewRunValues;
use crate::deploy::Deployer;
use crate::events::Events;
use crate::large_work::LargeWork;
use crate::memory::GuestMemory;
use crate::orders::Orders;
use crate::pause_cache::PauseCache;
use crate::pauses::PauseService;
use crate::places::Places;
use crate::preparing::RunsInPreparation;
use crate::processors::Processors;
use crate::programs::Programs;
use crate::rates::Rates;
use crate::recovery::Recovery;
use crate::repairs::Repairs;
use crate::replay::Replay;
use crate::replies::Replies;
use crate::retirement::Retirement;
use crate::run_ids::RunIds;
use crate::runner::Runner;
use crate::secrets::Secrets;
use crate::services::keep_running;
use crate::slots::Slots;
use crate::start::Starter;
use crate::timers::Timers;
use crate::triggers::Triggers;
use crate::urls::WebhookUrls;
use crate::wake::{RunExecutor, Wake};
use crate::watchers::Watchers;
use crate::webhook_providers::WebhookProviders;
use crate::webhooks::Webhooks;
use crate::{Parts, Settings};

/// The services of a host.
pub(crate) struct Services {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) settings: Settings,
    pub(crate) memory: Budget,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) urls: Arc<WebhookUrls>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) replies: Arc<Replies>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) events: Arc<Events>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) large_work: LargeWork,
    pub(crate) starter: Arc<Starter>,
    pub(crate) ids: Arc<RunIds>,
    pub(crate) repairs: Repairs,
    pub(crate) pause_cache: Arc<PauseCache>,
    pub(crate) pauses: Arc<PauseService>,
    pub(crate) deployer: Deployer,
    programs: Arc<Programs>,
    recovery: Arc<Recovery>,
    deadlines: Arc<Deadlines>,
    spawner: Arc<dyn Spawner>,
    /// The only strong reference: the handle that wakes runs has a weak one.
    _runner: Arc<Runner>,
}

/// Builds the services. No task is started yet.
pub(crate) fn assemble(parts: Parts, engine: Engine, settings: Settings) -> Services {
    let Parts {
        store,
        entropy,
        spawner,
        egress,
        compiler,
    } = parts;
    let limits = Arc::new(settings.limits.clone());
    let memory = match limits.memory_budget {
        0 => Budget::default(),
        size => Budget::new(size),
    };
    let clock = store.clock().clone();
    let large_work = LargeWork::new(spawner.clone());
    let slots = Slots::new(limits.instances, limits.warm_memory);
    let guests = GuestMemory::new(memory.clone(), slots.clone());
    let places = Places::new(limits.instances);
    let wake = Wake::new(slots.clone(), clock.clone(), spawner.clone());
    let ids = Arc::new(RunIds::new(entropy.clone()));
    let urls = WebhookUrls::new(&settings.public_url, &store.token_keys().keys);
    let urls = Arc::new(urls);
    let programs = Arc::new(Programs::new(engine, store.clone(), compiler));
    let deadlines = Arc::<Deadlines>::default();
    let watchers = Watchers::new();
    let replies = Replies::new(limits.held_replies as usize);
    let secrets = Arc::new(Secrets {
        store: store.clone(),
        entropy: entropy.clone(),
        keys: settings.secret_keys.clone(),
        setting: tokio::sync::Mutex::default(),
    });
    let pause_cache = Arc::new(PauseCache::new(store.clone()));
    let recovery = Arc::new(Recovery {
        store: store.clone(),
        clock: clock.clone(),
        slots: slots.clone(),
        wake: wake.clone(),
        pause_cache: pause_cache.clone(),
    });
    let events = Events::new(store.clone(), slots.clone(), wake.clone(), limits.clone());
    let orders_waiting = Arc::<Notify>::default();
    let results = Arc::new(CallResults {
        store: store.clone(),
        clock: clock.clone(),
        slots: slots.clone(),
        wake: wake.clone(),
        limits: limits.clone(),
        watchers: watchers.clone(),
        orders_waiting: orders_waiting.clone(),
        large_work: large_work.clone(),
    });
    let sender = Arc::new(CallSender {
        store: store.clone(),
        clock: clock.clone(),
        egress,
        secrets: secrets.clone(),
        limits: limits.clone(),
        memory: memory.clone(),
        pause_cache: pause_cache.clone(),
        results: results.clone(),
    });
    let calls = Calls::new(CallParts {
        store: store.clone(),
        spawner: spawner.clone(),
        slots: slots.clone(),
        wake: wake.clone(),
        pause_cache: pause_cache.clone(),
        sender,
        results,
        most_in_flight: limits.calls_in_flight,
    });
    let resuming = Arc::new(Notify::new());
    let orders = Arc::new(Orders {
        store: store.clone(),
        clock: clock.clone(),
        slots: slots.clone(),
        wake: wake.clone(),
        calls: calls.clone(),
        events: events.clone(),
        replies: replies.clone(),
        watchers: watchers.clone(),
        limits: limits.clone(),
        waiting: orders_waiting,
        sooner: Arc::default(),
        resuming: resuming.clone(),
    });
    let rates = Arc::new(Rates::new(limits.webhook_rate, limits.host_rate));
    let triggers = Arc::new(Triggers {
        store: store.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        wake: wake.clone(),
        ids: ids.clone(),
        replies: replies.clone(),
        watchers: watchers.clone(),
        rates: rates.clone(),
        limits: limits.clone(),
    });
    let webhooks = Arc::new(Webhooks {
        store: store.clone(),
        clock: clock.clone(),
        wake: wake.clone(),
        ids: ids.clone(),
        secrets: secrets.clone(),
        replies: replies.clone(),
        watchers: watchers.clone(),
        rates,
        triggers,
        providers: WebhookProviders::new(settings.providers.clone()),
        large_work: large_work.clone(),
        limits: limits.clone(),
    });
    let pauses = Arc::new(PauseService {
        store: store.clone(),
        clock: clock.clone(),
        slots: slots.clone(),
        wake: wake.clone(),
        pause_cache: pause_cache.clone(),
        calls: calls.clone(),
        orders: orders.clone(),
        deadlines: deadlines.clone(),
        waiting: resuming,
        changing: Mutex::default(),
    });
    let replay = Arc::new(Replay {
        store: store.clone(),
        clock: clock.clone(),
        slots: slots.clone(),
        places: places.clone(),
        turns: Processors::new(spawner.clone()),
        large_work: large_work.clone(),
        pause_cache: pause_cache.clone(),
        programs: programs.clone(),
        deadlines: deadlines.clone(),
        urls: urls.clone(),
        providers: settings.providers.clone(),
        limits: limits.clone(),
        memory: guests.clone(),
        rebuild_after_step: settings.rebuild_after_step,
    });
    let repairs = Repairs {
        store: store.clone(),
        replay: replay.clone(),
        slots: slots.clone(),
        wake: wake.clone(),
        limits: limits.clone(),
        calls: calls.clone(),
        orders: orders.clone(),
        preparing: RunsInPreparation::default(),
    };
    let runner = Arc::new(Runner {
        store: store.clone(),
        clock: clock.clone(),
        slots: slots.clone(),
        places,
        wake: wake.clone(),
        replay,
        deadlines: deadlines.clone(),
        calls: calls.clone(),
        events: events.clone(),
        orders: orders.clone(),
        new_run_values: NewRunValues {
            ids: ids.clone(),
            entropy: entropy.clone(),
        },
        replies: replies.clone(),
        watchers: watchers.clone(),
        when_broken: settings.when_broken,
        limits: limits.clone(),
        memory: guests,
        large_work: large_work.clone(),
    });
    let owner: Arc<dyn RunExecutor> = runner.clone();
    wake.set_executor(Arc::downgrade(&owner));
    let starter = Arc::new(Starter {
        store: store.clone(),
        clock: clock.clone(),
        entropy,
        wake: wake.clone(),
        ids: ids.clone(),
        limits: limits.clone(),
    });
    let deployer = Deployer {
        store: store.clone(),
        programs: programs.clone(),
        // Uploads take longer than anything else, so they have turns of their own.
        large_work: LargeWork::new(spawner.clone()),
        limits,
    };
    Services {
        store,
        clock,
        slots,
        wake,
        urls,
        watchers,
        replies,
        secrets,
        events,
        orders,
        calls,
        webhooks,
        large_work,
        starter,
        ids,
        repairs,
        pause_cache,
        pauses,
        deployer,
        programs,
        recovery,
        deadlines,
        spawner,
        _runner: runner,
        settings,
        memory,
    }
}

impl Services {
    /// Starts the services, which take up all due work and keep running.
    pub(crate) async fn begin(&self) -> Result<(), ReadError> {
        self.secrets.warn_of_closed().await;
        let timers = Arc::new(Timers {
            store: self.store.clone(),
            clock: self.clock.clone(),
            slots: self.slots.clone(),
            wake: self.wake.clone(),
            deadlines: self.deadlines.clone(),
            recovery: self.recovery.clone(),
            pause_cache: self.pause_cache.clone(),
        });
        let clock_watch = Arc::new(ClockWatch {
            clock: self.clock.clone(),
            slots: self.slots.clone(),
            deadlines: self.deadlines.clone(),
        });
        let retirement = Arc::new(Retirement {
            store: self.store.clone(),
            clock: self.clock.clone(),
            slots: self.slots.clone(),
            orders: self.orders.clone(),
            sooner: self.orders.sooner.clone(),
        });
        self.pause_cache.refresh().await?;
        // If due runs cannot be read now, the start fails, instead of going on as if nothing were due.
        self.store.due_runs(None, 1).await?;
        let calls = &self.calls;
        self.keep("calls", calls, |calls| async move { calls.run().await });
        self.keep("call scans", calls, |calls| async move {
            calls.run_scans().await;
        });
        let recovery = &self.recovery;
        self.keep("recovery", recovery, |recovery| async move {
            recovery.unblock().await;
        });
        self.keep("timers", &timers, |timers| async move {
            timers.run().await;
        });
        self.keep("clock", &clock_watch, |clock_watch| async move {
            clock_watch.run().await;
        });
        let wake = Arc::new(self.wake.clone());
        self.keep("wake-ups", &wake, |wake| async move { wake.run().await });
        self.keep("events", &self.events, |events| async move {
            events.run().await;
        });
        self.keep("orders", &self.orders, |orders| async move {
            orders.run().await;
        });
        self.keep("pauses", &self.pauses, |pauses| async move {
            pauses.run().await;
        });
        self.keep("retirement", &retirement, |retirement| async move {
            retirement.run().await;
        });
        let refresh = Arc::new((self.programs.clone(), self.slots.clone()));
        self.keep("refresh", &refresh, |refresh| async move {
            refresh.0.refresh(&refresh.1).await;
        });
        Ok(())
    }

    /// Runs a service until it ends, and starts it again whenever it panics.
    fn keep<S: Send + Sync + 'static, F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        service: &Arc<S>,
        run: impl Fn(Arc<S>) -> F + Send + Sync + 'static,
    ) {
        let (service, clock) = (service.clone(), self.clock.clone());
        let kept = async move { keep_running(name, clock, || run(service.clone())).await };
        self.spawner.spawn(Box::pin(kept));
    }
}
