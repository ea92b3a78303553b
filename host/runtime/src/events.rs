//! Events: sends them, and serves those that have more waiters than one transaction takes.

use std::sync::Arc;

use dormouse_journal::{Channel, Payload, RunId};
use dormouse_limits::Limits;
use dormouse_seams::HostClock;
use dormouse_store::{AimedNotified, MailLimits, Notified, Store, WriteError};
use tokio::sync::Notify;

use crate::hint::Hint;
use crate::slots::Slots;
use crate::wake::Wake;

/// How long to wait when a batch could not be served, in milliseconds.
const PAUSE: u64 = 1_000;

/// Sends events.
pub(crate) struct Events {
    store: Arc<dyn Store>,
    clock: HostClock,
    slots: Arc<Slots>,
    wake: Wake,
    limits: Arc<Limits>,
    underway: Notify,
}

/// Returns what may lie in a run's inbox for one event: as much as in a webhook's.
pub(crate) fn mail_limits(limits: &Limits) -> MailLimits {
    MailLimits {
        queued: limits.inbox,
        bytes: limits.inbox_bytes,
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
        })
    }

    /// An event has waiters that were not served yet.
    pub(crate) fn hint(&self) {
        self.underway.notify_one();
    }

    /// Sends an event to all who wait for it, and returns the runs that it reaches.
    pub(crate) async fn send_to_all(
        &self,
        event: String,
        payload: Payload,
    ) -> Result<Vec<RunId>, WriteError> {
        let Notified {
            runs,
            woken,
            broadcasting,
        } = self.store.notify(event, payload).await?;
        let now = self.clock.now();
        for run in woken {
            self.wake.queue(run, Hint::Anything, now);
        }
        if broadcasting {
            self.hint();
        }
        Ok(runs)
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

    /// Serves events for as long as the host runs, those first that were under way when it was started.
    pub(crate) async fn run(&self) {
        while !self.slots.is_stopping() {
            match self.store.is_broadcasting().await {
                Ok(true) => {}
                Ok(false) => {
                    self.underway.notified().await;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "events could not be read");
                    self.pause().await;
                    continue;
                }
            }
            match self.store.serve_events().await {
                Ok(served) => {
                    let now = self.clock.now();
                    for run in served.woken {
                        self.wake.queue(run, Hint::Anything, now);
                    }
                    self.wake.room().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "an event could not be served");
                    if self.store.failure().is_some() {
                        return;
                    }
                    self.pause().await;
                }
            }
        }
    }

    async fn pause(&self) {
        self.clock.sleep_until(self.clock.now().after(PAUSE)).await;
    }
}
