//! Who executes what: at any moment at most one task owns a run.
//!
//! A run that somebody owns has a slot; all others have none. Waking a run that has an owner sets a mark, and the owner goes
//! round once more before it lets go, so that no wake-up falls between the last look and the release.
//!
//! A run that sleeps may keep its instance, which is then [`Warm`], and stays so until an owner takes it. Instances are
//! bounded in number by permits; a warm one is dropped for one that is needed, and rebuilt from its journal later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_journal::RunId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::hint::{self, Hint};
use crate::live::LiveRun;
use crate::warm::Warm;

/// All slots.
pub(crate) struct Slots {
    state: Mutex<State>,
    permits: Arc<Semaphore>,
    released: Notify,
}

struct State {
    owned: HashMap<RunId, Owned>,
    warm: Warm<Box<LiveRun>>,
    /// No run is claimed any more.
    stopping: bool,
}

/// A run that somebody owns, and what its owner is told when it is about to let go.
#[derive(Default)]
struct Owned {
    again: bool,
    hints: Vec<Hint>,
}

/// A run that the caller has come to own.
pub(crate) struct Claim {
    pub(crate) owner: Owner,
    pub(crate) hints: Vec<Hint>,
}

/// What an owner does next.
pub(crate) enum Release {
    /// The run was woken meanwhile: go round once more.
    Again(Claim, Option<Box<LiveRun>>),
    /// Somebody else may own it now.
    Released,
}

impl Slots {
    pub(crate) fn new(instances: u32, warm_memory: u64) -> Arc<Self> {
        Arc::new(Slots {
            state: Mutex::new(State {
                owned: HashMap::new(),
                warm: Warm::new(warm_memory),
                stopping: false,
            }),
            permits: Arc::new(Semaphore::new(instances as usize)),
            released: Notify::new(),
        })
    }

    /// Takes ownership of a run, or leaves a mark for whoever has it.
    pub(crate) fn claim(self: &Arc<Self>, run: RunId, hints: Vec<Hint>) -> Option<Claim> {
        let mut state = self.lock();
        if state.stopping {
            return None;
        }
        if let Some(owned) = state.owned.get_mut(&run) {
            owned.again = true;
            for hint in hints {
                hint::add(&mut owned.hints, hint);
            }
            return None;
        }
        state.owned.insert(run, Owned::default());
        let owner = Owner {
            slots: self.clone(),
            run,
            released: false,
        };
        Some(Claim { owner, hints })
    }

    /// Whether somebody executes this run.
    pub(crate) fn is_active(&self, run: RunId) -> bool {
        self.lock().owned.contains_key(&run)
    }

    /// Drops what is kept of a run, if it sleeps.
    pub(crate) fn forget(&self, run: RunId) {
        let live = self.lock().warm.take(run);
        drop(live);
    }

    /// Drops what is kept of all runs of a workflow, or of all, that sleep.
    pub(crate) fn forget_of(&self, workflow: Option<&str>) {
        let live = self.lock().warm.take_of(workflow);
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

    /// Drops a warm instance; gives false if there is none.
    pub(crate) fn make_room(&self) -> bool {
        // Dropped outside the lock: it frees memory.
        let evicted = self.lock().warm.evict();
        evicted.is_some()
    }

    /// How many runs are being executed, and how many sleep with their instance kept.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.owned.len(), state.warm.len())
    }

    /// Lets no run be claimed any more, and resolves when the last owner has let go.
    pub(crate) async fn stop(&self) {
        self.lock().stopping = true;
        loop {
            let released = self.released.notified();
            if self.lock().owned.is_empty() {
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

/// Ownership of a run. Dropped without [`Owner::release`], as by a panic, it lets go all the same.
pub(crate) struct Owner {
    slots: Arc<Slots>,
    run: RunId,
    released: bool,
}

impl Owner {
    /// Returns the workflow of the run if its instance was kept.
    pub(crate) fn warm_workflow(&self) -> Option<Arc<str>> {
        self.slots.lock().warm.workflow(self.run)
    }

    /// Takes the instance if it is still kept.
    pub(crate) fn take_warm(&self) -> Option<Box<LiveRun>> {
        self.slots.lock().warm.take(self.run)
    }

    /// Lets go, unless the run was woken meanwhile. The instance is kept if there is memory for it.
    pub(crate) fn release(mut self, live: Option<Box<LiveRun>>) -> Release {
        let slots = self.slots.clone();
        let mut state = slots.lock();
        if !state.stopping
            && let Some(owned) = state.owned.get_mut(&self.run)
            && std::mem::take(&mut owned.again)
        {
            let hints = std::mem::take(&mut owned.hints);
            return Release::Again(Claim { owner: self, hints }, live);
        }
        self.released = true;
        state.owned.remove(&self.run);
        let evicted = live.map(|live| {
            let (workflow, bytes) = (live.workflow.clone(), live.footprint());
            state.warm.keep(self.run, workflow, live, bytes)
        });
        drop(state);
        slots.released.notify_waiters();
        // Dropped outside the lock: it frees memory.
        drop(evicted);
        Release::Released
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if !self.released {
            self.slots.lock().owned.remove(&self.run);
            self.slots.released.notify_waiters();
        }
    }
}
