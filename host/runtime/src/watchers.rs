//! Tasks that wait for a run to reach a point: to sleep, or to end.

use std::sync::Arc;

use dormouse_journal::{RunId, Status, Until};
use dormouse_store::State;

use crate::waiters::{Waiter, Waiters};

/// What is known of a run that has reached a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The status of the run.
    pub status: Status,
    /// The size of everything that was recorded about the run, in bytes. None if that is not known: nobody has read it, or
    /// the run has continued as new and may have kept more than its journal has.
    pub journal_bytes: Option<u64>,
}

impl From<Status> for Standing {
    fn from(status: Status) -> Self {
        Standing {
            status,
            journal_bytes: None,
        }
    }
}

impl From<&State> for Standing {
    fn from(state: &State) -> Self {
        Standing {
            status: state.status,
            journal_bytes: (state.generation == 0).then_some(state.journal_bytes),
        }
    }
}

/// Tasks that wait for a run to reach a point.
pub(crate) struct Watchers(Arc<Waiters<(RunId, Until), Standing>>);

impl Watchers {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Watchers(Waiters::new()))
    }

    /// Waits for a run to reach this point from now on.
    pub(crate) fn wait(&self, run: RunId, until: Until) -> Waiter<(RunId, Until), Standing> {
        self.0.wait((run, until))
    }

    /// Tells the tasks that wait for a run that it has this status. The status must be durable.
    pub(crate) fn tell(&self, run: RunId, standing: impl Into<Standing>) {
        let standing = standing.into();
        for until in Until::ALL {
            if until.is_reached_by(standing.status) {
                self.0.resolve(&(run, until), &standing);
            }
        }
    }

    /// Releases all tasks, also those that would wait from now on.
    pub(crate) fn release_all(&self) {
        self.0.release_all();
    }
}
