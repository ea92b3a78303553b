//! The handle that wakes runs.
//!
//! There are two ways. What comes from outside wakes its run at once. What comes from within the host goes through the
//! [`Herd`], which wakes a few at a time.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use dormouse_journal::{RunId, Time};
use dormouse_seams::{HostClock, Spawner, Task};
use dormouse_store::Hold;
use tokio::sync::Notify;

use crate::deadlines::Deadlines;
use crate::herd::Herd;
use crate::hint::Hint;
use crate::slots::{Claim, Slots};

/// How often the herd is looked at although nothing says so, in milliseconds.
const LOOK: u64 = 30_000;

/// How many runs of the herd execute at once for each task that can be executed at once.
const EACH: usize = 4;

/// Executes the runs that it is given.
pub(crate) trait OwnRuns: Send + Sync {
    /// Executes a run until nothing more is due. The store's group is kept open by `hold` until its first activation is in
    /// the queue. A run that the host itself woke has a seat.
    fn own(
        self: Arc<Self>,
        run: RunId,
        claim: Claim,
        hold: Option<Hold>,
        seat: Option<Seat>,
    ) -> Task;
}

/// Wakes runs: sees to it that somebody looks what has happened to them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Wake(Arc<Inner>);

struct Inner {
    slots: Arc<Slots>,
    clock: HostClock,
    spawner: Arc<dyn Spawner>,
    /// Weak, since whoever executes runs wakes others too.
    owner: OnceLock<Weak<dyn OwnRuns>>,
    herd: Mutex<Herd>,
    /// When the first of the herd is to be woken.
    next: Deadlines,
    room: Notify,
}

impl Wake {
    /// Creates a handle that wakes nobody until [`Wake::set_owner`] is called.
    pub(crate) fn new(slots: Arc<Slots>, clock: HostClock, spawner: Arc<dyn Spawner>) -> Self {
        let at_once = EACH * spawner.parallelism();
        Wake(Arc::new(Inner {
            slots,
            clock,
            spawner,
            owner: OnceLock::new(),
            herd: Mutex::new(Herd::new(at_once)),
            next: Deadlines::default(),
            room: Notify::new(),
        }))
    }

    /// Says who executes the runs that are woken, once and before any is.
    pub(crate) fn set_owner(&self, owner: Weak<dyn OwnRuns>) {
        let _ = self.0.owner.set(owner);
    }

    /// Something came from outside for this run.
    pub(crate) fn wake(&self, run: RunId, hint: Hint) {
        self.wake_early(run, hint, None);
    }

    /// Something was decided about this run that may not be durable yet. With a hold, the writes that the store gathers wait
    /// for what the run decides, if it sleeps; if it is being executed, its owner may be waiting for them.
    pub(crate) fn wake_early(&self, run: RunId, hint: Hint, hold: Option<Hold>) {
        if let Some(claim) = self.0.slots.claim(run, vec![hint]) {
            self.execute(run, claim, hold, None);
            let now = self.0.clock.now();
            if self.herd().came_from_outside(now) {
                self.wake_next();
            }
        }
    }

    /// Something happened to this run within the host, at this time. The run is woken when it is its turn.
    pub(crate) fn queue(&self, run: RunId, hint: Hint, time: Time) {
        self.herd().add(run, hint, time);
        self.wake_next();
    }

    /// Tries a run again that met trouble of the host's, later each time.
    pub(crate) fn retry(&self, run: RunId) {
        let delay = self.herd().in_trouble(run);
        let time = self.0.clock.now().after(delay);
        self.queue(run, Hint::Anything, time);
    }

    /// A run has met no trouble.
    pub(crate) fn is_well(&self, run: RunId) {
        self.herd().is_well(run);
    }

    /// Waits until there is room for more runs that the store knows of.
    pub(crate) async fn room(&self) {
        loop {
            let room = self.0.room.notified();
            if self.herd().has_room() {
                return;
            }
            room.await;
        }
    }

    /// Returns true if runs were forgotten that the store is to be asked for now.
    pub(crate) fn takes_forgotten(&self) -> bool {
        self.herd().takes_forgotten()
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

    /// Wakes those of the herd that may be woken now.
    fn wake_next(&self) {
        let now = self.0.clock.now();
        loop {
            let Some((run, hints)) = self.herd().next(now) else {
                break;
            };
            let seat = Seat {
                wake: self.clone(),
                executes: true,
            };
            match self.0.slots.claim(run, hints) {
                Some(claim) => self.execute(run, claim, None, Some(seat)),
                None => seat.leave(),
            }
        }
        let (first, has_room) = {
            let herd = self.herd();
            (herd.first(), herd.has_room())
        };
        // Those whose time has come wait for a seat, and whoever gives one up wakes them.
        self.0.next.hint(first.filter(|first| *first > now));
        if has_room {
            self.0.room.notify_waiters();
        }
    }

    fn execute(&self, run: RunId, claim: Claim, hold: Option<Hold>, seat: Option<Seat>) {
        if let Some(owner) = self.0.owner.get().and_then(Weak::upgrade) {
            self.0.spawner.spawn(owner.own(run, claim, hold, seat));
        }
    }

    fn herd(&self) -> MutexGuard<'_, Herd> {
        self.0.herd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The seat of a run that the host itself woke. It is given up when this is dropped.
pub(crate) struct Seat {
    wake: Wake,
    executes: bool,
}

impl Seat {
    /// The run executes from here on.
    pub(crate) fn execute(&mut self) {
        if !std::mem::replace(&mut self.executes, true) {
            self.wake.herd().executes(true);
        }
    }

    /// The run waits for the store from here on, and others may execute.
    pub(crate) fn wait(&mut self) {
        if std::mem::replace(&mut self.executes, false) {
            self.wake.herd().executes(false);
            self.wake.wake_next();
        }
    }

    /// Gives up the seat to the next.
    pub(crate) fn give_up(self) {
        let wake = self.wake.clone();
        drop(self);
        wake.wake_next();
    }

    /// Gives up the seat, which whoever fills the seats knows.
    fn leave(self) {
        drop(self);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut herd = self.wake.herd();
        herd.leaves();
        if self.executes {
            herd.executes(false);
        }
        drop(herd);
        if std::thread::panicking() {
            self.wake.wake_next();
        }
    }
}
