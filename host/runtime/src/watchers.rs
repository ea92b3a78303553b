//! Tasks that wait for a run to reach a point: to sleep, or to end.

use std::sync::Arc;

use dormouse_journal::{RunId, Status, Until};

use crate::waiters::{Waiter, Waiters};

/// Tasks that wait for a run to reach a point.
pub(crate) struct Watchers(Arc<Waiters<(RunId, Until), Status>>);

impl Watchers {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Watchers(Waiters::new()))
    }

    /// Waits for a run to reach this point from now on.
    pub(crate) fn wait(&self, run: RunId, until: Until) -> Waiter<(RunId, Until), Status> {
        self.0.wait((run, until))
    }

    /// Tells the tasks that wait for a run that it has this status. The status must be durable.
    pub(crate) fn tell(&self, run: RunId, status: Status) {
        for until in Until::ALL {
            if until.is_reached_by(status) {
                self.0.resolve(&(run, until), &status);
            }
        }
    }

    /// Releases all tasks, also those that would wait from now on.
    pub(crate) fn release_all(&self) {
        self.0.release_all();
    }
}
