//! Who executes what: at any moment at most one task owns a run.
//!
//! A run that somebody owns has an *active* slot; one that sleeps with its instance kept has a *warm* slot; all others
//! have none, and cost nothing here. Waking an active run sets a mark, and its owner goes round once more before it
//! lets go, so that no wake-up falls between the last look and the release.
//!
//! Instances are bounded in number by permits, and warm ones by memory. Both drop the warm instance that was used
//! longest ago; a dropped one is rebuilt from its journal, so dropping is always safe.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_journal::{Channel, RunId};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::early::{EarlyRequest, EarlyStart};
use crate::live::LiveRun;

/// What is known about the reason of a wake-up.
#[derive(Debug)]
pub(crate) enum Hint {
    /// Something arrived on this channel.
    Channel(Channel),
    /// Something may have arrived anywhere.
    Anything,
    /// A deadline may have passed.
    Time,
    /// A request was queued, and may not be durable yet.
    Request(Box<EarlyRequest>),
    /// The run was started, and may not be durable yet.
    Start(Box<EarlyStart>),
}

/// All slots.
pub(crate) struct Slots {
    state: Mutex<State>,
    permits: Arc<Semaphore>,
    released: Notify,
    warm_memory: u64,
}

#[derive(Default)]
struct State {
    runs: HashMap<RunId, Slot>,
    /// Warm runs by when they were last used.
    by_use: BTreeMap<u64, RunId>,
    uses: u64,
    warm_bytes: u64,
    active: usize,
    /// No run is claimed any more.
    stopping: bool,
}

enum Slot {
    Active { again: bool, hints: Vec<Hint> },
    Warm { last_use: u64, live: Box<LiveRun> },
}

/// A run that the caller has come to own.
pub(crate) struct Claim {
    pub(crate) owner: Owner,
    pub(crate) live: Option<Box<LiveRun>>,
    pub(crate) hints: Vec<Hint>,
}

/// What an owner does next.
pub(crate) enum Release {
    /// The run was woken meanwhile: go round once more.
    Again(Claim),
    /// Somebody else may own it now.
    Released,
}

impl Slots {
    pub(crate) fn new(instances: u32, warm_memory: u64) -> Arc<Self> {
        Arc::new(Slots {
            state: Mutex::default(),
            permits: Arc::new(Semaphore::new(instances as usize)),
            released: Notify::new(),
            warm_memory,
        })
    }

    /// Takes ownership of a run, or leaves a mark for whoever has it.
    pub(crate) fn claim(self: &Arc<Self>, run: RunId, hint: Hint) -> Option<Claim> {
        let mut state = self.lock();
        if state.stopping {
            return None;
        }
        if let Some(Slot::Active { again, hints }) = state.runs.get_mut(&run) {
            *again = true;
            hints.push(hint);
            return None;
        }
        let live = state.take_warm(run);
        state.runs.insert(
            run,
            Slot::Active {
                again: false,
                hints: Vec::new(),
            },
        );
        state.active += 1;
        let owner = Owner {
            slots: self.clone(),
            run,
            released: false,
        };
        Some(Claim {
            owner,
            live,
            hints: vec![hint],
        })
    }

    /// Whether somebody executes this run.
    pub(crate) fn is_active(&self, run: RunId) -> bool {
        matches!(self.lock().runs.get(&run), Some(Slot::Active { .. }))
    }

    /// Drops what is kept of a run, if it sleeps.
    pub(crate) fn forget(&self, run: RunId) {
        let live = self.lock().take_warm(run);
        drop(live);
    }

    /// Room for one instance. Drops warm ones for it; waits when there are none left to drop.
    pub(crate) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(permit) = self.permits.clone().try_acquire_owned() {
                return Some(permit);
            }
            if !self.make_room() {
                return self.permits.clone().acquire_owned().await.ok();
            }
        }
    }

    /// Drops the warm instance that was used longest ago; gives false if there is none.
    pub(crate) fn make_room(&self) -> bool {
        // Dropped outside the lock: it frees memory.
        let evicted = self.lock().evict();
        evicted.is_some()
    }

    /// How many runs are being executed, and how many sleep with their instance kept.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.active, state.by_use.len())
    }

    /// Lets no run be claimed any more, and resolves when the last owner has let go.
    pub(crate) async fn stop(&self) {
        self.lock().stopping = true;
        loop {
            let released = self.released.notified();
            if self.lock().active == 0 {
                return;
            }
            released.await;
        }
    }

    /// Whether owners should let go.
    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_warm(&mut self, run: RunId) -> Option<Box<LiveRun>> {
        match self.runs.remove(&run) {
            Some(Slot::Warm { last_use, live }) => {
                self.by_use.remove(&last_use);
                self.warm_bytes = self.warm_bytes.saturating_sub(live.footprint());
                Some(live)
            }
            Some(active @ Slot::Active { .. }) => {
                self.runs.insert(run, active);
                None
            }
            None => None,
        }
    }

    fn evict(&mut self) -> Option<Box<LiveRun>> {
        let run = *self.by_use.first_key_value()?.1;
        self.take_warm(run)
    }

    fn keep_warm(&mut self, run: RunId, live: Box<LiveRun>) {
        self.uses += 1;
        let last_use = self.uses;
        self.warm_bytes += live.footprint();
        self.by_use.insert(last_use, run);
        self.runs.insert(run, Slot::Warm { last_use, live });
    }
}

/// Ownership of a run. Dropped without [`Owner::release`], as by a panic, it lets go all the same.
pub(crate) struct Owner {
    slots: Arc<Slots>,
    run: RunId,
    released: bool,
}

impl Owner {
    /// Lets go, unless the run was woken meanwhile. The instance is kept if there is memory for it.
    pub(crate) fn release(mut self, live: Option<Box<LiveRun>>) -> Release {
        let slots = self.slots.clone();
        let mut evicted = Vec::new();
        let mut state = slots.lock();
        if !state.stopping
            && let Some(Slot::Active {
                again: again @ true,
                hints,
            }) = state.runs.get_mut(&self.run)
        {
            *again = false;
            let hints = std::mem::take(hints);
            return Release::Again(Claim {
                owner: self,
                live,
                hints,
            });
        }
        self.released = true;
        state.runs.remove(&self.run);
        state.active -= 1;
        if let Some(live) = live {
            state.keep_warm(self.run, live);
            while state.warm_bytes > slots.warm_memory {
                match state.evict() {
                    Some(live) => evicted.push(live),
                    None => break,
                }
            }
        }
        drop(state);
        slots.released.notify_waiters();
        drop(evicted);
        Release::Released
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if !self.released {
            let mut state = self.slots.lock();
            state.runs.remove(&self.run);
            state.active -= 1;
            drop(state);
            self.slots.released.notify_waiters();
        }
    }
}
