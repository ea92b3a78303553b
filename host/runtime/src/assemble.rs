//! How the services of a host are built from its parts, and handed to each other.
//!
//! Each service owns what is its own, and is given what it needs: the store, the clock, the spawner, and the handle that
//! wakes runs. Nobody has more than that.

use std::sync::Arc;

use dormouse_engine::Engine;
use dormouse_limits::Budget;
use dormouse_seams::{HostClock, Spawner};
use dormouse_store::{ReadError, Store};
use tokio::sync::Semaphore;

use crate::calls::Calls;
use crate::clock_watch::ClockWatch;
use crate::deploy::Deployer;
use crate::events::Events;
use crate::programs::Programs;
use crate::rates::Rates;
use crate::recovery::Recovery;
use crate::replay::Replay;
use crate::replies::Replies;
use crate::retirement::Retirement;
use crate::run_ids::RunIds;
use crate::runner::Runner;
use crate::secrets::Secrets;
use crate::slots::Slots;
use crate::start::Starter;
use crate::timers::{Deadlines, Timers};
use crate::urls::WebhookUrls;
use crate::wake::{OwnRuns, Wake};
use crate::watchers::Watchers;
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
    pub(crate) calls: Arc<Calls>,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) starter: Starter,
    pub(crate) deployer: Deployer,
    programs: Arc<Programs>,
    recovery: Arc<Recovery>,
    deadlines: Arc<Deadlines>,
    spawner: Arc<dyn Spawner>,
    /// Kept here alone: whoever wakes runs has a weak reference to it.
    _runner: Arc<Runner>,
}

/// Builds the services. Nothing runs yet.
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
    let slots = Slots::new(limits.instances, limits.warm_memory);
    let wake = Wake::new(slots.clone(), spawner.clone());
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
    });
    let recovery = Arc::new(Recovery {
        store: store.clone(),
        spawner: spawner.clone(),
        wake: wake.clone(),
    });
    let events = Events::new(store.clone(), slots.clone(), wake.clone(), limits.clone());
    let calls = Arc::new(Calls {
        store: store.clone(),
        clock: clock.clone(),
        spawner: spawner.clone(),
        slots: slots.clone(),
        wake: wake.clone(),
        egress,
        secrets: secrets.clone(),
        in_flight: Semaphore::new(limits.calls_in_flight as usize),
        most_in_flight: limits.calls_in_flight,
        max_response: limits.body,
        memory: memory.clone(),
    });
    let webhooks = Arc::new(Webhooks {
        store: store.clone(),
        clock: clock.clone(),
        wake: wake.clone(),
        ids: ids.clone(),
        secrets: secrets.clone(),
        replies: replies.clone(),
        watchers: watchers.clone(),
        rates: Rates::new(limits.webhook_rate, limits.host_rate),
        limits: limits.clone(),
    });
    let replay = Replay {
        store: store.clone(),
        clock: clock.clone(),
        slots: slots.clone(),
        programs: programs.clone(),
        deadlines: deadlines.clone(),
        urls: urls.clone(),
        limits: limits.clone(),
        memory: memory.clone(),
        rebuild_after_step: settings.rebuild_after_step,
    };
    let runner = Arc::new(Runner {
        store: store.clone(),
        clock: clock.clone(),
        spawner: spawner.clone(),
        slots: slots.clone(),
        wake: wake.clone(),
        replay,
        deadlines: deadlines.clone(),
        calls: calls.clone(),
        events: events.clone(),
        replies: replies.clone(),
        watchers: watchers.clone(),
        limits: limits.clone(),
    });
    let owner: Arc<dyn OwnRuns> = runner.clone();
    wake.set_owner(Arc::downgrade(&owner));
    let starter = Starter {
        store: store.clone(),
        clock: clock.clone(),
        entropy,
        wake: wake.clone(),
        ids,
        limits: limits.clone(),
    };
    let deployer = Deployer {
        store: store.clone(),
        programs: programs.clone(),
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
        calls,
        webhooks,
        starter,
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
    /// Takes up all that is due, and starts what looks after it from now on.
    pub(crate) async fn begin(&self) -> Result<(), ReadError> {
        self.secrets.warn_of_closed().await;
        self.calls.recover().await?;
        self.recovery.unblock().await?;
        self.events.recover().await?;
        self.recovery.wake_due().await?;
        let timers = Timers {
            store: self.store.clone(),
            clock: self.clock.clone(),
            slots: self.slots.clone(),
            wake: self.wake.clone(),
            deadlines: self.deadlines.clone(),
            recovery: self.recovery.clone(),
        };
        let clock_watch = ClockWatch {
            clock: self.clock.clone(),
            slots: self.slots.clone(),
            deadlines: self.deadlines.clone(),
        };
        let retirement = Retirement {
            store: self.store.clone(),
            clock: self.clock.clone(),
            slots: self.slots.clone(),
        };
        let refresh = self.programs.clone().refresh(self.slots.clone());
        self.spawner.spawn(Box::pin(timers.run()));
        self.spawner.spawn(Box::pin(clock_watch.run()));
        self.spawner.spawn(Box::pin(self.events.clone().run()));
        self.spawner.spawn(Box::pin(retirement.run()));
        self.spawner.spawn(Box::pin(refresh));
        Ok(())
    }
}
