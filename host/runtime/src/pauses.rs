//! Pauses a run, a workflow or the host, and puts back the work that was set aside when one is resumed.

use std::sync::Arc;

use dormouse_journal::Time;
use dormouse_seams::HostClock;
use dormouse_store::{Pausable, Paused, PutBack, Store, Unpaused};
use tokio::sync::{Mutex, Notify};

use crate::Unavailable;
use crate::calls::Calls;
use crate::deadlines::Deadlines;
use crate::hint::Hint;
use crate::orders::Orders;
use crate::pause_cache::PauseCache;
use crate::slots::Slots;
use crate::wake::Wake;

/// How long to wait after a piece could not be put back, in milliseconds.
const PAUSE: u64 = 1_000;

/// Pauses and resumes.
pub(crate) struct PauseService {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) pause_cache: Arc<PauseCache>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) orders: Arc<Orders>,
    /// The time at which timers are read next.
    pub(crate) deadlines: Arc<Deadlines>,
    pub(crate) waiting: Arc<Notify>,
    /// Held from a change until the copy in memory shows it, so that an older state cannot replace a newer one.
    pub(crate) changing: Mutex<()>,
}

impl PauseService {
    /// Pauses a run, a workflow or the host.
    pub(crate) async fn pause(&self, what: Pausable) -> Result<Paused, Unavailable> {
        let changing = self.changing.lock().await;
        let paused = self.store.pause(what.clone()).await?;
        self.pause_cache.refresh().await?;
        drop(changing);
        if paused == Paused::Now {
            tracing::info!(?what, "a pause began");
            // The commits of these instances would be refused, so what they do from now on is wasted.
            match &what {
                Pausable::Run(run) => self.slots.forget(*run),
                Pausable::Workflow(workflow) => self.slots.forget_of(Some(workflow)),
                Pausable::Host => self.slots.forget_of(None),
            }
        }
        Ok(paused)
    }

    /// Resumes a run, a workflow or the host.
    pub(crate) async fn unpause(&self, what: Pausable) -> Result<Unpaused, Unavailable> {
        let changing = self.changing.lock().await;
        let unpaused = self.store.unpause(what.clone()).await?;
        self.pause_cache.refresh().await?;
        drop(changing);
        if matches!(unpaused, Unpaused::Now(_)) {
            tracing::info!(?what, "a pause ended");
            if let Pausable::Run(run) = what {
                self.wake.wake(run, Hint::Anything);
            } else {
                self.pause_cache.resumed();
                self.deadlines.hint(Some(Time(0)));
            }
            self.calls.resumed();
            // Runs that were held by this one are resumed too.
            self.orders.hint();
            self.waiting.notify_one();
        }
        Ok(unpaused)
    }

    /// Puts back work that was set aside, as long as the host runs, first what was left when the host stopped.
    pub(crate) async fn run(&self) {
        let mut last = None;
        while !self.slots.is_stopping() {
            let is_resuming = match self.store.is_resuming().await {
                Ok(is_resuming) => is_resuming,
                Err(error) => {
                    tracing::warn!(%error, "the store could not say whether work of paused runs is left to be put back");
                    self.rest().await;
                    continue;
                }
            };
            if !is_resuming {
                self.waiting.notified().await;
                continue;
            }
            self.wake.room().await;
            match self.store.put_back(last.take()).await {
                Ok(put_back) => {
                    self.follow(&put_back);
                    last = put_back.last;
                }
                Err(error) => {
                    tracing::warn!(%error, "the work of runs that were resumed could not be put back yet");
                    if self.store.failure().is_some() {
                        return;
                    }
                    self.rest().await;
                }
            }
        }
    }

    async fn rest(&self) {
        self.clock.sleep_until(self.clock.now().after(PAUSE)).await;
    }

    fn follow(&self, put_back: &PutBack) {
        let now = self.clock.now();
        for run in &put_back.woken {
            self.wake.queue(*run, Hint::Anything, now);
        }
        self.calls.put_back(&put_back.calls);
        // The work that was put back may be the end of a run's timeout.
        self.orders.sooner.notify_one();
    }
}
