//! Recovery: takes up all due work, at the start and at intervals.
//!
//! Due work is read a page at a time. The next page is read when there is room for its runs.

use std::sync::Arc;

use dormouse_seams::HostClock;
use dormouse_store::{Due, ReadError, Store};

use crate::hint::Hint;
use crate::pause_cache::PauseCache;
use crate::slots::Slots;
use crate::wake::Wake;

/// The number of runs that are read at once.
const PAGE: usize = 256;

/// The number of blocked runs that are tried again at once. Each needs a commit, and runs that are tried together share
/// commits.
const RETRIED_AT_ONCE: usize = 16;

/// How long to wait after the store could not be read or written, in milliseconds.
const PAUSE: u64 = 1_000;

/// Takes up all due work.
pub(crate) struct Recovery {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) pause_cache: Arc<PauseCache>,
}

impl Recovery {
    /// Finds runs whose wake-up was lost, and checks whether a disk that was full takes writes again.
    pub(crate) async fn scan(&self) {
        if let Err(error) = self.wake_due().await {
            tracing::warn!(%error, "the store could not list the runs that are due; the host tries again");
        }
        self.try_full_disk().await;
    }

    /// Wakes every run that can go on.
    async fn wake_due(&self) -> Result<(), ReadError> {
        let mut after = None;
        while !self.slots.is_stopping() && self.pause_cache.host().is_none() {
            let page = self.store.due_runs(after, PAGE).await?;
            let Some(last) = page.runs.last() else { break };
            after = Some(*last);
            let now = self.clock.now();
            let works = page.runs.iter().map(|run| Due::Run(*run));
            let held = self.pause_cache.set_aside_paused(works, &page.paused).await;
            for run in page.runs {
                if !held.contains(&Due::Run(run)) {
                    self.wake.queue(run, Hint::Anything, now);
                }
            }
            self.wake.room().await;
        }
        Ok(())
    }

    /// Tries blocked runs again, once after a start, because the start may have brought what they lacked. Runs that
    /// still cannot go on are blocked again.
    pub(crate) async fn unblock(&self) {
        let mut after = None;
        while !self.slots.is_stopping() {
            if self.pause_cache.host().is_some() {
                self.clock.sleep_until(self.clock.now().after(PAUSE)).await;
                continue;
            }
            let page = match self.store.blocked_runs(after, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "the store could not list the blocked runs; the host tries again");
                    self.clock.sleep_until(self.clock.now().after(PAUSE)).await;
                    continue;
                }
            };
            let Some(last) = page.last() else { return };
            let next = Some(*last);
            for runs in page.chunks(RETRIED_AT_ONCE) {
                self.wake.room().await;
                let resumed = runs.iter().map(|run| self.store.resume(*run));
                let resumed = futures::future::join_all(resumed).await;
                for (run, resumed) in runs.iter().zip(resumed) {
                    match resumed {
                        Ok(_) => self.wake.queue(*run, Hint::Anything, self.clock.now()),
                        Err(error) => {
                            tracing::warn!(%run, %error, "a blocked run could not be resumed");
                        }
                    }
                }
            }
            after = next;
        }
    }

    /// Writes something if the disk was full. A host with a full disk is not ready, so perhaps nobody asks it to write.
    async fn try_full_disk(&self) {
        if self.store.is_full() && self.store.probe().await.is_ok() {
            tracing::info!("the disk takes writes again");
        }
    }
}
