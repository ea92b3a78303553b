//! Ownership of runs: at any moment at most one task, the owner, executes a run.
//!
//! A run with an owner has a slot; other runs have none. Waking a run that has an owner sets a mark in the slot. An owner that
//! finds the mark looks at its run once more before it releases the run, so that no wake-up is lost between the last look and
//! the release.
//!
//! A run that waits may keep its instance, which is then [`Warm`] until an owner takes it. Permits bound the number of
//! instances. If a permit is needed, a warm instance is dropped; it is rebuilt from the journal when its run wakes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_journal::RunId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::hint::{self, Hint};
use crate::live::LiveRun;
use crate::warm::Warm;

/// The slots of all runs that have an owner.
pub(crate) struct Slots {
    state: Mutex<State>,
    permits: Arc<Semaphore>,
    released: Notify,
}

struct State {
    owned: HashMap<RunId, Owned>,
    warm: Warm<Box<LiveRun>>,
    /// True if no run can be claimed any more.
    stopping: bool,
}

/// The slot of a run that has an owner, with the mark for the owner.
#[derive(Default)]
struct Owned {
    again: bool,
    hints: Vec<Hint>,
    /// The size of the requests among the hints.
    early_bytes: usize,
    /// True if further requests were left out, because they have too many bytes.
    is_behind: bool,
}

/// The largest size in bytes of the requests that are kept in memory for a run that has an owner. The owner reads further ones
/// from the store, so that a run which computes while many requests come does not take much memory. One request is kept whatever
/// its size is.
const MOST_EARLY: usize = 1 << 20;

impl Owned {
    fn add(&mut self, hint: Hint) {
        if let Hint::Request(request) = &hint {
            let size = request.size();
            if self.early_bytes > 0 && self.early_bytes + size > MOST_EARLY {
                // The owner looks at all channels, once for all requests that were left out.
                if !std::mem::replace(&mut self.is_behind, true) {
                    hint::add(&mut self.hints, Hint::Anything);
                }
                return;
            }
            self.early_bytes += size;
        }
        hint::add(&mut self.hints, hint);
    }

    /// Takes the hints, if the run was woken.
    fn take(&mut self) -> Option<Vec<Hint>> {
        let Owned {
            again,
            mut hints,
            is_behind,
            ..
        } = std::mem::take(self);
        if is_behind {
            hints.push(Hint::Behind);
        }
        again.then_some(hints)
    }
}

/// A run that the caller owns from now on, with the hints for its owner.
pub(crate) struct ClaimedRun {
    pub(crate) owner: Owner,
    pub(crate) hints: Vec<Hint>,
}

/// What an owner does next.
pub(crate) enum Release {
    /// The run was woken meanwhile: look at it once more.
    Again(ClaimedRun, Option<Box<LiveRun>>),
    /// The run was released, and may have another owner now.
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

    /// Takes ownership of a run. If the run has an owner, sets the mark for that owner.
    pub(crate) fn claim(self: &Arc<Self>, run: RunId, hints: Vec<Hint>) -> Option<ClaimedRun> {
        let mut state = self.lock();
        if state.stopping {
            return None;
        }
        if let Some(owned) = state.owned.get_mut(&run) {
            owned.again = true;
            for hint in hints {
                owned.add(hint);
            }
            return None;
        }
        state.owned.insert(run, Owned::default());
        let owner = Owner {
            slots: self.clone(),
            run,
            released: false,
        };
        Some(ClaimedRun { owner, hints })
    }

    /// Returns true if the run has an owner.
    pub(crate) fn is_active(&self, run: RunId) -> bool {
        self.lock().owned.contains_key(&run)
    }

    /// Drops the warm instance of a run, if there is one.
    pub(crate) fn forget(&self, run: RunId) {
        let live = self.lock().warm.take(run);
        drop(live);
    }

    /// Drops the warm instances of all runs of a workflow, or of all runs.
    pub(crate) fn forget_of(&self, workflow: Option<&str>) {
        let live = self.lock().warm.take_of(workflow);
        drop(live);
    }

    /// Returns a permit for one instance. Drops a warm instance for it if necessary, and waits if there is none.
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

    /// Drops a warm instance. Returns false if there is none.
    pub(crate) fn make_room(&self) -> bool {
        // Dropped outside the lock: it frees memory.
        let evicted = self.lock().warm.evict();
        evicted.is_some()
    }

    /// Returns the number of runs that have an owner, and the number of warm instances.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.owned.len(), state.warm.len())
    }

    /// Stops runs from being claimed, and resolves when the last owner has released its run.
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

    /// Returns true if owners should release their runs.
    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ownership of a run. If it is dropped without [`Owner::release`], as by a panic, the run is released too.
pub(crate) struct Owner {
    slots: Arc<Slots>,
    run: RunId,
    released: bool,
}

impl Owner {
    /// Returns the workflow of the run if the run has a warm instance.
    pub(crate) fn warm_workflow(&self) -> Option<Arc<str>> {
        self.slots.lock().warm.workflow(self.run)
    }

    /// Takes the run's warm instance, if it still has one.
    pub(crate) fn take_warm(&self) -> Option<Box<LiveRun>> {
        let live = self.slots.lock().warm.take(self.run)?;
        live.account.resume();
        Some(live)
    }

    /// Releases the run, unless it was woken meanwhile. Keeps the instance warm if there is memory for it.
    pub(crate) fn release(mut self, live: Option<Box<LiveRun>>) -> Release {
        let slots = self.slots.clone();
        let mut state = slots.lock();
        if !state.stopping
            && let Some(owned) = state.owned.get_mut(&self.run)
            && let Some(hints) = owned.take()
        {
            return Release::Again(ClaimedRun { owner: self, hints }, live);
        }
        self.released = true;
        state.owned.remove(&self.run);
        let evicted = live.map(|live| {
            live.account.rest();
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

#[cfg(test)]
mod tests {
    use dormouse_journal::{Delivery, Request, Time, WebhookNumber};

    use super::*;
    use crate::hint::EarlyRequest;

    const RUN: RunId = RunId([1; 16]);

    fn request(place: u64, size: usize) -> Hint {
        let request = Request {
            method: "POST".into(),
            url: String::new(),
            headers: Vec::new(),
            body: vec![0; size].into(),
        };
        Hint::Request(Box::new(EarlyRequest {
            webhook: WebhookNumber(2),
            place,
            is_first: place == 0,
            delivery: Delivery {
                id: place.to_string(),
                accepted: Time(place),
                request,
            },
        }))
    }

    fn places(hints: &[Hint]) -> Vec<u64> {
        let requests = hints.iter().filter_map(|hint| match hint {
            Hint::Request(request) => Some(request.place),
            _ => None,
        });
        requests.collect()
    }

    #[test]
    fn a_run_that_is_busy_keeps_few_requests_in_memory() {
        let slots = Slots::new(1, 0);
        let ClaimedRun { owner, .. } = slots.claim(RUN, Vec::new()).unwrap();
        for place in 0..100 {
            assert!(slots.claim(RUN, vec![request(place, 300 << 10)]).is_none());
        }
        let Release::Again(ClaimedRun { owner, hints }, None) = owner.release(None) else {
            panic!("the run was woken");
        };
        assert_eq!(places(&hints), [0, 1, 2]);
        assert!(hints.iter().any(|hint| matches!(hint, Hint::Behind)));
        assert!(hints.iter().any(|hint| matches!(hint, Hint::Anything)));
        assert_eq!(hints.len(), 5);

        slots.claim(RUN, vec![request(100, 16 << 20)]);
        let Release::Again(ClaimedRun { hints, .. }, None) = owner.release(None) else {
            panic!("the run was woken again");
        };
        assert_eq!(places(&hints), [100], "one is kept whatever its size is");
        assert!(!hints.iter().any(|hint| matches!(hint, Hint::Behind)));
    }
}
