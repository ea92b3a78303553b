//! Those who wait for a run to come so far: to sleep, or to end.

use std::sync::Arc;

use dormouse_journal::{RunId, Status, Until};

use crate::waiters::{Waiter, Waiters};

/// Those who wait for a run to come so far.
pub(crate) struct Watchers(Arc<Waiters<(RunId, Until), Status>>);

impl Watchers {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Watchers(Waiters::new()))
    }

    /// Waits for a run to come so far from now on.
    pub(crate) fn wait(&self, run: RunId, until: Until) -> Waiter<(RunId, Until), Status> {
        self.0.wait((run, until))
    }

    /// Tells those who wait for a run to come as far as it is now, which is durable.
    pub(crate) fn tell(&self, run: RunId, status: Status) {
        for until in Until::ALL {
            if until.is_reached_by(status) {
                self.0.resolve(&(run, until), &status);
            }
        }
    }

    /// Lets everybody go, from now on too.
    pub(crate) fn release_all(&self) {
        self.0.release_all();
    }
}
