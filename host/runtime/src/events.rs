//! Events: sends them, and serves those that have more waiters than one transaction takes.

use std::sync::Arc;

use dormouse_journal::{Channel, Payload, RunId};
use dormouse_store::AimedNotified;
use tokio::sync::Notify;

use crate::runtime::Core;
use crate::slots::Hint;
use crate::{Runtime, Unavailable};

/// How long to wait when a batch could not be served.
const PAUSE: u64 = 1_000;

/// Whether events are under way.
#[derive(Default)]
pub(crate) struct Events {
    underway: Notify,
}

impl Events {
    /// An event has waiters that were not served yet.
    pub(crate) fn hint(&self) {
        self.underway.notify_one();
    }
}

impl Core {
    /// Serves events for as long as the host runs.
    pub(crate) async fn run_events(self: Arc<Self>) {
        while !self.slots.is_stopping() {
            self.events.underway.notified().await;
            loop {
                match self.store.serve_events().await {
                    Ok(served) => {
                        for run in served.woken {
                            self.wake(run, Hint::Anything);
                        }
                        if !served.more {
                            break;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "an event could not be served");
                        if self.store.failure().is_some() {
                            return;
                        }
                        self.clock.sleep_until(self.clock.now().after(PAUSE)).await;
                    }
                }
            }
        }
    }
}

impl Runtime {
    /// Sends an event to all who wait for it; gives the runs that it reaches.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn notify(&self, event: String, payload: Payload) -> Result<Vec<RunId>, Unavailable> {
        let notified = self.store().notify(event, payload).await?;
        for run in &notified.woken {
            self.core().wake(*run, Hint::Anything);
        }
        if notified.broadcasting {
            self.core().events.hint();
        }
        Ok(notified.runs)
    }

    /// Sends an event to one run, which keeps it for its next wait.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn notify_run(
        &self,
        run: RunId,
        event: String,
        payload: Payload,
    ) -> Result<AimedNotified, Unavailable> {
        let mail = self.settings().limits.mail();
        let notified = self
            .store()
            .notify_run(run, event.clone(), payload, mail)
            .await?;
        if notified == AimedNotified::Queued {
            self.core().wake(run, Hint::Channel(Channel::Event(event)));
        }
        Ok(notified)
    }
}
