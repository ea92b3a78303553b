//! Tasks that wait for a run to reach a point: to sleep, or to end.

use std::sync::Arc;

use dormouse_journal::{RunId, Status, Until};
use dormouse_store::State;

use crate::waiters::{Waiter, Waiters};

/// What is known of a run that has reached a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStatus {
    /// The status of the run.
    pub status: Status,
    /// The size of everything that was recorded about the run, in bytes. None if that is not known: nobody has read it, or
    /// the run has continued as new and may have kept more than its journal has.
    pub journal_bytes: Option<u64>,
}

impl From<Status> for RunStatus {
    fn from(status: Status) -> Self {
        RunStatus {
            status,
            journal_bytes: None,
        }
    }
}

impl From<&State> for RunStatus {
    fn from(state: &State) -> Self {
        RunStatus {
            status: state.status,
            journal_bytes: (state.generation == 0).then_some(state.journal_bytes),
        }
    }
}

/// Tasks that wait for a run to reach a point.
pub(crate) struct Watchers(Arc<Waiters<(RunId, Until), RunStatus>>);

impl Watchers {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Watchers(Waiters::new()))
    }

    /// Waits for a run to reach this point from now on.
    pub(crate) fn wait(&self, run: RunId, until: Until) -> Waiter<(RunId, Until), RunStatus> {
        self.0.wait((run, until))
    }

    /// Tells the tasks that wait for a run that it has this status. The status must be durable.
    pub(crate) fn tell(&self, run: RunId, run_status: impl Into<RunStatus>) {
        let run_status = run_status.into();
        for until in Until::ALL {
            if until.is_reached_by(run_status.status) {
                self.0.resolve(&(run, until), &run_status);
            }
        }
    }

    /// Releases all tasks, also those that would wait from now on.
    pub(crate) fn release_all(&self) {
        self.0.release_all();
    }
}
