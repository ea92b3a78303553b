//! Timers: wakes runs whose deadlines have passed.
//!
//! The table is the truth; in memory there is only a place in it and the time of the next look. A run that commits an
//! earlier deadline hints at it. A deadline that had passed by the time of its commit is seen by the run's own owner,
//! who looks again after every commit; so nothing falls behind the place that was reached. Every now and then the look
//! begins at the front all the same, and with it the scan of due runs: a wake-up that was lost delays nothing longer.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use dormouse_journal::Time;
use dormouse_store::{ReadError, Timer};
use futures::FutureExt;
use tokio::sync::Notify;

use crate::runtime::Core;
use crate::slots::Hint;

/// How many timers are read at once.
const PAGE: usize = 256;

/// Milliseconds between looks at everything that is due.
const SCAN: u64 = 30_000;

/// How long to wait when the store cannot be read.
const PAUSE: u64 = 1_000;

/// When the timers are looked at next.
#[derive(Default)]
pub(crate) struct Timers {
    next: Mutex<Option<Time>>,
    earlier: Notify,
}

impl Timers {
    /// A deadline was committed.
    pub(crate) fn hint(&self, deadline: Option<Time>) {
        let Some(deadline) = deadline else { return };
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_none_or(|next| deadline < next) {
            *next = Some(deadline);
            self.earlier.notify_one();
        }
    }

    fn set(&self, time: Time) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(time);
    }
}

impl Core {
    /// Looks after timers for as long as the host runs.
    pub(crate) async fn run_timers(self: Arc<Self>) {
        let mut reached = None;
        let mut next_scan = self.clock.now().after(SCAN);
        while !self.slots.is_stopping() {
            let now = self.clock.now();
            if now >= next_scan {
                reached = None;
                next_scan = now.after(SCAN);
                self.try_full_disk();
                if let Err(error) = self.wake_due() {
                    tracing::warn!(%error, "due runs could not be read");
                }
            }
            let wait_until = match self.fire(&mut reached, now) {
                Ok(next) => next.map_or(next_scan, |next| next.min(next_scan)),
                Err(error) => {
                    tracing::warn!(%error, "timers could not be read");
                    now.after(PAUSE)
                }
            };
            self.wait(wait_until).await;
        }
    }

    /// Wakes the runs whose timers are due; gives the time of the next timer.
    fn fire(
        self: &Arc<Self>,
        reached: &mut Option<Timer>,
        now: Time,
    ) -> Result<Option<Time>, ReadError> {
        // Hints from here on are about what this look may have missed.
        self.timers.set(Time(u64::MAX));
        let snapshot = self.store.read()?;
        loop {
            let due = snapshot.timers(*reached, now, PAGE)?;
            for timer in &due {
                self.wake(timer.run, Hint::Time);
            }
            *reached = due.last().copied().or(*reached);
            if due.len() < PAGE {
                return snapshot.next_timer(now);
            }
        }
    }

    async fn wait(&self, until: Time) {
        self.timers.hint(Some(until));
        loop {
            let target = self
                .timers
                .next
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .unwrap_or(until);
            if target <= self.clock.now() {
                return;
            }
            let mut reached = self.clock.sleep_until(target).fuse();
            let mut earlier = pin!(self.timers.earlier.notified().fuse());
            futures::select_biased! {
                () = reached => return,
                () = earlier => {}
            }
        }
    }

    /// A host whose disk was full is not ready, so perhaps nobody asks it to write; it finds out by itself.
    fn try_full_disk(self: &Arc<Self>) {
        if self.store.is_full() {
            let core = self.clone();
            self.spawner.spawn(Box::pin(async move {
                if core.store.touch().await.is_ok() {
                    tracing::info!("the disk takes writes again");
                }
            }));
        }
    }

    /// Wakes every run that can go on.
    pub(crate) fn wake_due(self: &Arc<Self>) -> Result<(), ReadError> {
        let mut after = None;
        loop {
            let page = self.store.read()?.due_runs(after, PAGE)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(*last);
            for run in page {
                self.wake(run, Hint::Anything);
            }
        }
    }
}
