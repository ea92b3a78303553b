//! Runs that are about to be taken back: what that means for each, and that it is prepared by one at a time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_journal::{Listed, OperationNumber, RunId, Taken};

/// What it means for a run that it is taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Back {
    /// The step that is done again.
    pub step: String,
    /// Its operation.
    pub operation: OperationNumber,
    /// How many activations stay.
    pub activations: u32,
    /// The answered calls that are sent again: the operation, its step, and what was sent where.
    pub again: Listed<(OperationNumber, String, String)>,
    /// The runs that were started since: true if the run is asked to cancel, and false if another one is made beside it.
    pub children: Listed<(RunId, bool)>,
    /// What lies in the inboxes again.
    pub taken: Listed<Taken>,
}

/// The runs that are being prepared to be taken back.
#[derive(Default)]
pub(crate) struct Preparing(Arc<Mutex<BTreeSet<RunId>>>);

/// Held while a run is prepared.
pub(crate) struct Prepares(Arc<Mutex<BTreeSet<RunId>>>, RunId);

impl Preparing {
    /// Returns none if the run is being prepared already.
    pub(crate) fn begin(&self, run: RunId) -> Option<Prepares> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.insert(run).then(|| Prepares(self.0.clone(), run))
    }
}

impl Drop for Prepares {
    fn drop(&mut self) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.remove(&self.1);
    }
}

/// The runs that a command has brought back because others wait for them.
#[derive(Debug, Default)]
pub struct BroughtBack(Mutex<BTreeSet<RunId>>);

impl BroughtBack {
    /// Notes that a run was brought back.
    pub(crate) fn add(&self, run: RunId) {
        self.lock().insert(run);
    }

    /// Returns true if this run was brought back.
    #[must_use]
    pub fn has(&self, run: RunId) -> bool {
        self.lock().contains(&run)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<RunId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
