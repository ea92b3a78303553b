//! Recovery: takes up everything that is due, at the start and every now and then.

use std::sync::Arc;

use dormouse_seams::Spawner;
use dormouse_store::{ReadError, Store};

use crate::slots::Hint;
use crate::wake::Wake;

/// How many runs are read at once.
const PAGE: usize = 256;

/// Takes up everything that is due.
pub(crate) struct Recovery {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) wake: Wake,
}

impl Recovery {
    /// Looks for what a lost wake-up has missed, and whether a full disk takes writes again.
    pub(crate) async fn scan(&self) {
        self.try_full_disk();
        if let Err(error) = self.wake_due().await {
            tracing::warn!(%error, "due runs could not be read");
        }
    }

    /// Wakes every run that can go on.
    pub(crate) async fn wake_due(&self) -> Result<(), ReadError> {
        let mut after = None;
        loop {
            let page = self.store.due_runs(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(*last);
            for run in page {
                self.wake.wake(run, Hint::Anything);
            }
        }
    }

    /// Tries blocked runs again: a restart may have brought what they were missing. Those that still cannot go on are
    /// blocked again.
    pub(crate) async fn unblock(&self) -> Result<(), ReadError> {
        let mut after = None;
        loop {
            let page = self.store.blocked_runs(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(*last);
            for run in page {
                let (store, wake) = (self.store.clone(), self.wake.clone());
                self.spawner.spawn(Box::pin(async move {
                    match store.resume(run).await {
                        Ok(_) => wake.wake(run, Hint::Anything),
                        Err(error) => {
                            tracing::warn!(%run, %error, "a blocked run could not be tried again");
                        }
                    }
                }));
            }
        }
    }

    /// A host whose disk was full is not ready, so perhaps nobody asks it to write; it finds out by itself.
    fn try_full_disk(&self) {
        if self.store.is_full() {
            let store = self.store.clone();
            self.spawner.spawn(Box::pin(async move {
                if store.probe().await.is_ok() {
                    tracing::info!("the disk takes writes again");
                }
            }));
        }
    }
}
