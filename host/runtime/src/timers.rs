//! Timers: wakes runs whose deadlines have passed.
//!
//! All timers are in a table of the store. In memory there is only the place that was reached in the table, and the time
//! at which it is read next. A run that commits an earlier deadline gives a hint. If a deadline had passed by the time of
//! its commit, the run's own owner finds it, because the owner looks again after every commit. So no timer is missed.
//! Every [`SCAN`] milliseconds the table is read from its beginning, and so are the runs that are due. So a wake-up that
//! was lost delays a run for no longer than that.

use std::sync::Arc;

use dormouse_journal::{Moment, Time};
use dormouse_seams::HostClock;
use dormouse_store::{Due, ReadError, Store, Timer};

use crate::deadlines::Deadlines;
use crate::hint::Hint;
use crate::pause_cache::PauseCache;
use crate::recovery::Recovery;
use crate::slots::Slots;
use crate::wake::Wake;

/// The number of timers that are read at once.
const PAGE: usize = 256;

/// Milliseconds between scans of everything that is due.
const SCAN: u64 = 30_000;

/// How long to wait after the store could not be read, in milliseconds.
const PAUSE: u64 = 1_000;

/// Wakes runs whose deadlines have passed.
pub(crate) struct Timers {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) deadlines: Arc<Deadlines>,
    pub(crate) recovery: Arc<Recovery>,
    pub(crate) pause_cache: Arc<PauseCache>,
}

impl Timers {
    /// Wakes runs at their deadlines, as long as the host runs. Begins with a scan of all due work.
    pub(crate) async fn run(&self) {
        let mut reached = None;
        let mut next_scan = Time(0);
        while !self.slots.is_stopping() {
            let moment = self.clock.moment();
            let now = moment.time;
            // Resuming the host sends a hint from here on.
            self.deadlines.clear();
            if self.pause_cache.host().is_some() {
                self.deadlines.wait(&self.clock, now.after(SCAN)).await;
                continue;
            }
            let wait_until = match self.fire(&mut reached, moment).await {
                Ok(next) => next.map_or(next_scan, |next| next.min(next_scan)),
                Err(error) => {
                    tracing::warn!(%error, "the store could not list the timers that are due; the host tries again");
                    now.after(PAUSE)
                }
            };
            let is_incomplete = self.wake.take_forgotten() | self.pause_cache.take_resumed();
            if now >= next_scan || is_incomplete {
                reached = None;
                next_scan = now.after(SCAN);
                self.recovery.scan().await;
                continue;
            }
            self.deadlines.wait(&self.clock, wait_until).await;
        }
    }

    /// Wakes the runs whose timers are due, and returns the time of the next timer. After each page it waits until there is
    /// room for more runs in memory.
    async fn fire(
        &self,
        reached: &mut Option<Timer>,
        now: Moment,
    ) -> Result<Option<Time>, ReadError> {
        // A hint from here on may be about a timer that this read of the table misses.
        self.deadlines.clear();
        loop {
            let page = self.store.timers(*reached, now, PAGE).await?;
            let work = |timer: &Timer| Due::Timer(timer.run, timer.operation);
            let works = page.due.iter().map(work);
            let held = self.pause_cache.set_aside_paused(works, &page.paused).await;
            for timer in page.due.iter().filter(|timer| !held.contains(&work(timer))) {
                // The due time of a timer may be a date, in wall time. `now.time` is steady time.
                self.wake
                    .queue(timer.run, Hint::Time, timer.due.min(now.time));
            }
            *reached = page.due.last().copied().or(*reached);
            let is_over = self.slots.is_stopping() || self.pause_cache.host().is_some();
            if page.due.len() < PAGE || is_over {
                return Ok(page.next);
            }
            self.wake.room().await;
        }
    }
}
