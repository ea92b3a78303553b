//! The handle that wakes runs.

use std::sync::{Arc, OnceLock, Weak};

use dormouse_journal::RunId;
use dormouse_seams::{Spawner, Task};
use dormouse_store::Hold;

use crate::slots::{Claim, Hint, Slots};

/// Executes the runs that it is given.
pub(crate) trait OwnRuns: Send + Sync {
    /// Executes a run until nothing more is due. The store's group is kept open by `hold` until its first activation is in
    /// the queue.
    fn own(self: Arc<Self>, run: RunId, claim: Claim, hold: Option<Hold>) -> Task;
}

/// Wakes runs: sees to it that somebody looks what has happened to them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Wake {
    slots: Arc<Slots>,
    spawner: Arc<dyn Spawner>,
    /// Weak, since whoever executes runs wakes others too.
    owner: Arc<OnceLock<Weak<dyn OwnRuns>>>,
}

impl Wake {
    /// Creates a handle that wakes nobody until [`Wake::set_owner`] is called.
    pub(crate) fn new(slots: Arc<Slots>, spawner: Arc<dyn Spawner>) -> Self {
        Wake {
            slots,
            spawner,
            owner: Arc::default(),
        }
    }

    /// Says who executes the runs that are woken, once and before any is.
    pub(crate) fn set_owner(&self, owner: Weak<dyn OwnRuns>) {
        let _ = self.owner.set(owner);
    }

    /// Something may have happened to this run.
    pub(crate) fn wake(&self, run: RunId, hint: Hint) {
        self.wake_early(run, hint, None);
    }

    /// Something was decided about this run that may not be durable yet. With a hold, the writes that the store gathers wait
    /// for what the run decides, if it sleeps; if it is being executed, its owner may be waiting for them.
    pub(crate) fn wake_early(&self, run: RunId, hint: Hint, hold: Option<Hold>) {
        let owner = self.owner.get().and_then(Weak::upgrade);
        let Some(owner) = owner else { return };
        if let Some(claim) = self.slots.claim(run, hint) {
            self.spawner.spawn(owner.own(run, claim, hold));
        }
    }
}
