//! The handle that wakes runs.
//!
//! There are two ways to wake a run. Something that comes from outside wakes its run at once. Something that comes from within
//! the host goes through the [`Herd`], which wakes a few runs at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use dormouse_journal::{RunId, Time};
use dormouse_seams::{HostClock, Spawner, Task};
use dormouse_store::{Following, Hold};
use tokio::sync::Notify;

use crate::deadlines::Deadlines;
use crate::herd::{Herd, Woken};
use crate::hint::Hint;
use crate::slots::{ClaimedRun, Slots};

/// The time in milliseconds after which the herd is looked at without a reason.
const LOOK: u64 = 30_000;

/// The number of runs of the herd that execute at the same time, for each task that the machine can execute at a time.
const RUNS_PER_TASK: usize = 4;

/// Executes the runs that it is given.
pub(crate) trait RunExecutor: Send + Sync {
    /// Executes a run until nothing more of it is due. `hold` keeps the store's group open until the run's first activation is
    /// in the queue. A run of the herd has a seat.
    fn execute_run(
        self: Arc<Self>,
        run: RunId,
        claimed: ClaimedRun,
        hold: Option<Hold>,
        seat: Option<Seat>,
    ) -> Task;
}

/// Wakes runs: makes sure that an owner looks at what has happened to them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Wake(Arc<Inner>);

struct Inner {
    slots: Arc<Slots>,
    clock: HostClock,
    spawner: Arc<dyn Spawner>,
    /// Weak, because the code that executes runs wakes others too.
    executor: OnceLock<Weak<dyn RunExecutor>>,
    herd: Mutex<Herd>,
    /// The number of runs that computed for long the last time, so that the lock is not taken if there are none.
    long: AtomicUsize,
    /// The time at which the first run of the herd is to be woken.
    next: Deadlines,
    room: Notify,
}

impl Wake {
    /// Creates a handle that wakes no run before [`Wake::set_executor`] is called.
    pub(crate) fn new(slots: Arc<Slots>, clock: HostClock, spawner: Arc<dyn Spawner>) -> Self {
        let at_once = RUNS_PER_TASK * spawner.parallelism();
        Wake(Arc::new(Inner {
            slots,
            clock,
            spawner,
            executor: OnceLock::new(),
            herd: Mutex::new(Herd::new(at_once)),
            long: AtomicUsize::new(0),
            next: Deadlines::default(),
            room: Notify::new(),
        }))
    }

    /// Sets what executes the runs that are woken. Called once, before any run is woken.
    pub(crate) fn set_executor(&self, executor: Weak<dyn RunExecutor>) {
        let _ = self.0.executor.set(executor);
    }

    /// Wakes a run for which something came from outside.
    pub(crate) fn wake(&self, run: RunId, hint: Hint) {
        self.wake_early(run, hint, None);
    }

    /// Returns what follows for a run from a write that was decided, and may not be durable yet: it is woken.
    pub(crate) fn following(&self, run: RunId, hint: Hint) -> Following {
        let wake = self.clone();
        Box::new(move |hold| wake.wake_early(run, hint, hold))
    }

    /// Wakes a run about which something was decided that may not be durable yet. With a hold, the store's group of writes waits
    /// for the run's activation, if the run has no owner. If it has one, the owner may be waiting for the group, so the hold is
    /// let go.
    fn wake_early(&self, run: RunId, hint: Hint, hold: Option<Hold>) {
        if let Some(claimed) = self.0.slots.claim(run, vec![hint]) {
            self.execute(run, claimed, hold, None);
            let now = self.0.clock.now();
            if self.herd().note_outside_wake(now) {
                self.wake_next();
            }
        }
    }

    /// Queues a run in the herd, for something that happened within the host at this time. The run is woken in its turn.
    pub(crate) fn queue(&self, run: RunId, hint: Hint, time: Time) {
        self.herd().add(run, hint, time);
        self.wake_next();
    }

    /// Queues a run again that the host could not execute, with a longer delay each time.
    pub(crate) fn retry(&self, run: RunId) {
        let delay = self.herd().note_retry(run);
        let time = self.0.clock.now().after(delay);
        self.queue(run, Hint::Anything, time);
    }

    /// Notes that the host has executed a run.
    pub(crate) fn clear_retries(&self, run: RunId) {
        self.herd().clear_retries(run);
    }

    /// Notes whether a run has computed for long.
    pub(crate) fn note_computed(&self, run: RunId, long: bool) {
        if long || self.0.long.load(Ordering::Acquire) > 0 {
            let count = self.herd().note_computed(run, long);
            self.0.long.store(count, Ordering::Release);
        }
    }

    /// Waits until there is room for more runs from the store.
    pub(crate) async fn room(&self) {
        loop {
            let room = self.0.room.notified();
            if self.herd().has_room() {
                return;
            }
            room.await;
        }
    }

    /// Returns true if runs were forgotten, and the store is to be read for them now.
    pub(crate) fn take_forgotten(&self) -> bool {
        self.herd().take_forgotten()
    }

    /// Wakes the runs whose time has come, for as long as the host runs.
    pub(crate) async fn run(&self) {
        while !self.0.slots.is_stopping() {
            self.0.next.clear();
            self.wake_next();
            let look = self.0.clock.now().after(LOOK);
            self.0.next.wait(&self.0.clock, look).await;
        }
    }

    /// Wakes the runs of the herd that may be woken now.
    fn wake_next(&self) {
        let now = self.0.clock.now();
        loop {
            let Some(Woken {
                run,
                hints,
                is_long,
            }) = self.herd().next(now)
            else {
                break;
            };
            let seat = Seat {
                wake: self.clone(),
                is_executing: true,
                is_long,
            };
            match self.0.slots.claim(run, hints) {
                Some(claimed) => self.execute(run, claimed, None, Some(seat)),
                None => seat.release(),
            }
        }
        let (next, has_room) = {
            let herd = self.herd();
            (herd.next_time(now), herd.has_room())
        };
        // Runs whose time has come wait for a seat. They are woken when a seat is given up.
        self.0.next.hint(next);
        if has_room {
            self.0.room.notify_waiters();
        }
    }

    fn execute(&self, run: RunId, claimed: ClaimedRun, hold: Option<Hold>, seat: Option<Seat>) {
        if let Some(executor) = self.0.executor.get().and_then(Weak::upgrade) {
            self.0
                .spawner
                .spawn(executor.execute_run(run, claimed, hold, seat));
        }
    }

    fn herd(&self) -> MutexGuard<'_, Herd> {
        self.0.herd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The seat of a run of the herd. Dropping it gives the seat up.
pub(crate) struct Seat {
    wake: Wake,
    is_executing: bool,
    /// True if it is a seat for runs that compute for long. Such a run has it whether it executes or waits.
    is_long: bool,
}

impl Seat {
    /// Notes that the run executes from now on.
    pub(crate) fn execute(&mut self) {
        if !std::mem::replace(&mut self.is_executing, true) && !self.is_long {
            self.wake.herd().set_executing(true);
        }
    }

    /// Notes that the run waits for the store from now on, so that others may execute.
    pub(crate) fn wait(&mut self) {
        if std::mem::replace(&mut self.is_executing, false) && !self.is_long {
            self.wake.herd().set_executing(false);
            self.wake.wake_next();
        }
    }

    /// Notes that the run, which executes, computes for long. Others get its usual seat.
    pub(crate) fn computes_long(&mut self) {
        if self.is_long || !self.is_executing {
            return;
        }
        self.is_long = self.wake.herd().move_to_long_seat();
        if self.is_long {
            self.wake.wake_next();
        }
    }

    /// Gives up the seat, and wakes the next run.
    pub(crate) fn give_up(self) {
        let wake = self.wake.clone();
        drop(self);
        wake.wake_next();
    }

    /// Gives up the seat without waking the next run; the caller fills the seats.
    fn release(self) {
        drop(self);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut herd = self.wake.herd();
        herd.release_seat(self.is_long);
        if self.is_executing && !self.is_long {
            herd.set_executing(false);
        }
        drop(herd);
        if std::thread::panicking() {
            self.wake.wake_next();
        }
    }
}
