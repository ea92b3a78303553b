//! Sends events, and delivers events to all runs piece by piece.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use dormouse_journal::{Channel, Payload, RunId};
use dormouse_limits::Limits;
use dormouse_seams::HostClock;
use dormouse_store::{AimedNotified, MailLimits, Notified, Served, Store, WriteError};
use futures::FutureExt;
use futures::channel::oneshot;
use tokio::sync::Notify;

use crate::NotifyError;
use crate::hint::Hint;
use crate::slots::Slots;
use crate::storage::storage_limits;
use crate::wake::Wake;

/// How long to wait after a piece could not be delivered, in milliseconds.
const PAUSE: u64 = 1_000;

/// Milliseconds between looks for events without a hint: the sender of an event may panic after the event was
/// decided.
const LOOK: u64 = 30_000;

/// How long the sender of an event to all waits for it to reach every run, in milliseconds.
const REACH_TIMEOUT: u64 = 5_000;

/// The largest number of reached runs that are named to the sender.
const NAMED: usize = 1_000;

/// The runs that an event to all has reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// The number of waits that the event has reached.
    pub waits: u32,
    /// The first runs that the event has reached, each once.
    pub runs: Vec<RunId>,
    /// True if the event has reached more runs than these.
    pub more: bool,
    /// False if the event is still on its way to other runs.
    pub is_done: bool,
}

/// Sends events.
pub(crate) struct Events {
    store: Arc<dyn Store>,
    clock: HostClock,
    slots: Arc<Slots>,
    wake: Wake,
    limits: Arc<Limits>,
    underway: Notify,
    senders: WaitingSenders,
}

/// The senders that wait to hear whom their events have reached, by the commit sequence at which each event was
/// decided.
#[derive(Clone, Default)]
struct WaitingSenders(Arc<Mutex<BTreeMap<u64, WaitingSender>>>);

struct WaitingSender {
    reached: Reached,
    /// None once the event has reached everybody.
    done: Option<oneshot::Sender<()>>,
}

/// Removes a sender from the list when it is dropped, whatever happens to the event.
struct SenderGuard {
    senders: WaitingSenders,
    sequence: Arc<OnceLock<u64>>,
}

impl WaitingSenders {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, WaitingSender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the waits that a delivered piece has reached.
    fn follow(&self, served: &Served) {
        let mut senders = self.lock();
        if senders.is_empty() {
            return;
        }
        for (sequence, run) in &served.reached {
            if let Some(sender) = senders.get_mut(sequence) {
                sender.reached.add(*run);
            }
        }
        for finished in &served.finished {
            if let Some(sender) = senders.get_mut(&finished.sequence) {
                sender.reached.waits = finished.waits;
                sender.reached.is_done = true;
                sender.done = None;
            }
        }
    }
}

impl Reached {
    /// Counts a wait. The waits of one run come one after the other.
    fn add(&mut self, run: RunId) {
        self.waits += 1;
        if self.runs.last() == Some(&run) {
            return;
        }
        if self.runs.len() < NAMED {
            self.runs.push(run);
        } else {
            self.more = true;
        }
    }
}

impl SenderGuard {
    fn reached(&self) -> Reached {
        let sequence = self.sequence.get();
        let senders = self.senders.lock();
        let sender = sequence.and_then(|sequence| senders.get(sequence));
        sender
            .map(|sender| sender.reached.clone())
            .unwrap_or_default()
    }
}

impl Drop for SenderGuard {
    fn drop(&mut self) {
        if let Some(sequence) = self.sequence.get() {
            self.senders.lock().remove(sequence);
        }
    }
}

/// Returns the limits on what an inbox of a run may hold for one event: those of a webhook's inbox.
pub(crate) fn mail_limits(limits: &Limits) -> MailLimits {
    MailLimits {
        queued: limits.inbox,
        bytes: limits.inbox_bytes,
        storage: storage_limits(limits),
    }
}

impl Events {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        slots: Arc<Slots>,
        wake: Wake,
        limits: Arc<Limits>,
    ) -> Arc<Self> {
        Arc::new(Events {
            clock: store.clock().clone(),
            store,
            slots,
            wake,
            limits,
            underway: Notify::new(),
            senders: WaitingSenders::default(),
        })
    }

    /// Notes that an event was decided that may not have reached every run yet.
    pub(crate) fn hint(&self) {
        self.underway.notify_one();
    }

    /// Sends an event to all runs that wait for it. Returns the runs that it has reached, once it has reached all or
    /// after some time.
    pub(crate) async fn send_to_all(
        &self,
        event: String,
        payload: Payload,
    ) -> Result<Reached, NotifyError> {
        let (finish, done) = oneshot::channel();
        let sequence = Arc::<OnceLock<u64>>::default();
        let guard = SenderGuard {
            senders: self.senders.clone(),
            sequence: sequence.clone(),
        };
        let senders = self.senders.clone();
        // The sender is listed before the event is durable, and so before the event reaches a run.
        let decided = move |notified: &Notified| {
            if let Notified::Decided(decided) = *notified
                && sequence.set(decided).is_ok()
            {
                let sender = WaitingSender {
                    reached: Reached::default(),
                    done: Some(finish),
                };
                senders.lock().insert(decided, sender);
            }
            None
        };
        let notified = self.store.notify(event, payload, Box::new(decided)).await?;
        if notified == Notified::Full {
            return Err(NotifyError::Full);
        }
        self.hint();
        let mut done = done.fuse();
        let until = self.clock.now().after(REACH_TIMEOUT);
        let mut passed = self.clock.sleep_until(until).fuse();
        futures::select_biased! {
            _ = done => {}
            () = passed => {}
        }
        Ok(guard.reached())
    }

    /// Sends an event to one run, which keeps it for its next wait.
    pub(crate) async fn send_to_run(
        &self,
        run: RunId,
        event: String,
        payload: Payload,
    ) -> Result<AimedNotified, WriteError> {
        let channel = Channel::Event(event.clone());
        let notified = self
            .store
            .notify_run(run, event, payload, mail_limits(&self.limits))
            .await?;
        if notified == AimedNotified::Queued {
            self.wake.wake(run, Hint::Channel(channel));
        }
        Ok(notified)
    }

    /// Delivers events as long as the host runs, first those that were under way at the start.
    pub(crate) async fn run(&self) {
        let mut last = None;
        while !self.slots.is_stopping() {
            match self.store.is_broadcasting().await {
                Ok(true) => {}
                Ok(false) => {
                    self.told().await;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "the store could not say whether events wait to be delivered; the host tries again");
                    self.pause().await;
                    continue;
                }
            }
            match self.store.serve_events(last.take()).await {
                Ok(served) => {
                    self.senders.follow(&served);
                    self.wake_reached(&served);
                    last = served.last;
                    if !served.more {
                        // Everything is delivered, or waits until an order is carried out, which hints.
                        self.told().await;
                    }
                    self.wake.room().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "an event could not be delivered to the runs that wait for it yet");
                    if self.store.failure().is_some() {
                        return;
                    }
                    self.pause().await;
                }
            }
        }
    }

    /// Resolves when an event may be under way.
    async fn told(&self) {
        let look = self.clock.now().after(LOOK);
        let mut told = pin!(self.underway.notified().fuse());
        let mut look = self.clock.sleep_until(look).fuse();
        futures::select_biased! {
            () = told => {}
            () = look => {}
        }
    }

    async fn pause(&self) {
        self.clock.sleep_until(self.clock.now().after(PAUSE)).await;
    }

    fn wake_reached(&self, served: &Served) {
        let mut runs: Vec<RunId> = served.reached.iter().map(|(_, run)| *run).collect();
        runs.dedup();
        let told = served.finished.iter().filter_map(|finished| finished.told);
        let now = self.clock.now();
        for run in runs.into_iter().chain(told) {
            self.wake.queue(run, Hint::Anything, now);
        }
    }
}
