//! Runs that are about to be taken back: the consequences for each, and a guard so that only one task prepares a run.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_journal::{Excerpt, OperationNumber, RunId, TakenItem};

/// The consequences of taking a run back.
#[derive(Debug, Clone, PartialEq)]
pub struct TakeBackSummary {
    /// The step that is done again.
    pub step: String,
    /// The operation of that step.
    pub operation: OperationNumber,
    /// The number of activations that stay.
    pub activations: u32,
    /// The answered calls that are sent again: the operation, its step, and the method and URL of the call.
    pub again: Excerpt<(OperationNumber, String, String)>,
    /// The runs that were started since. True if the run is asked to cancel, false if another run is started beside it.
    pub children: Excerpt<(RunId, bool)>,
    /// The requests and events that are put back into the inboxes.
    pub taken: Excerpt<TakenItem>,
}

/// The runs that are being prepared.
#[derive(Default)]
pub(crate) struct RunsInPreparation(Arc<Mutex<BTreeSet<RunId>>>);

/// Held while a run is being prepared.
pub(crate) struct PreparationGuard(Arc<Mutex<BTreeSet<RunId>>>, RunId);

impl RunsInPreparation {
    /// Marks a run as being prepared. Returns none if it is being prepared already.
    pub(crate) fn begin(&self, run: RunId) -> Option<PreparationGuard> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.insert(run)
            .then(|| PreparationGuard(self.0.clone(), run))
    }
}

impl Drop for PreparationGuard {
    fn drop(&mut self) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.remove(&self.1);
    }
}

/// The runs that a command has retried because other runs wait for them.
#[derive(Debug, Default)]
pub struct RetriedWithRun(Mutex<BTreeSet<RunId>>);

impl RetriedWithRun {
    /// Notes that a run was retried.
    pub(crate) fn add(&self, run: RunId) {
        self.lock().insert(run);
    }

    /// Returns true if this run was retried.
    #[must_use]
    pub fn has(&self, run: RunId) -> bool {
        self.lock().contains(&run)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<RunId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
