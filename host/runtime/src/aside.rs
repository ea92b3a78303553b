//! What is paused, as far as those who look for due work need to know it, and setting such work aside.
//!
//! The store is the truth. In memory is a copy of what it says of the host and of workflows, so that those are passed over
//! without a look; whether a run is paused by itself, or held by one above it, is only in the store, which says it with the
//! due work itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use dormouse_journal::{RunId, Time};
use dormouse_store::{Due, Pause, Pauses, ReadError, Store};

/// How much work one write sets aside.
const PIECE: usize = 64;

/// Knows what is paused.
pub(crate) struct Aside {
    store: Arc<dyn Store>,
    known: Mutex<Pauses>,
    /// Since when the host was paused when it was started, if it was.
    at_start: OnceLock<Option<Time>>,
    /// True if something has gone on since due work was last looked at from the front.
    has_resumed: AtomicBool,
}

impl Aside {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Aside {
            store,
            known: Mutex::default(),
            at_start: OnceLock::new(),
            has_resumed: AtomicBool::new(false),
        }
    }

    /// Reads what is paused.
    pub(crate) async fn refresh(&self) -> Result<(), ReadError> {
        let pauses = self.store.pauses().await?;
        self.at_start.get_or_init(|| pauses.host);
        *self.known() = pauses;
        Ok(())
    }

    /// Returns what was paused when that was last read.
    pub(crate) fn pauses(&self) -> Pauses {
        self.known().clone()
    }

    /// Returns since when the host is paused, if it is.
    pub(crate) fn host(&self) -> Option<Time> {
        self.known().host
    }

    /// Returns since when the host was paused when it was started, if it was.
    pub(crate) fn host_at_start(&self) -> Option<Time> {
        self.at_start.get().copied().flatten()
    }

    /// Returns true if all runs of a workflow are paused.
    pub(crate) fn has_workflow(&self, workflow: &str) -> bool {
        self.known().of_workflow(workflow).is_some()
    }

    /// A workflow or the host goes on: work that was passed over is looked for again.
    pub(crate) fn resumed(&self) {
        self.has_resumed.store(true, Ordering::Release);
    }

    /// Returns true if due work is to be looked for from the front.
    pub(crate) fn takes_resumed(&self) -> bool {
        self.has_resumed.swap(false, Ordering::AcqRel)
    }

    /// Sets aside what of this work belongs to these runs, which are paused or held. Returns the work that is not to be done
    /// now. Nothing is asked of the store, and nothing is written if there is no such work.
    pub(crate) async fn sift(
        &self,
        works: impl IntoIterator<Item = Due>,
        paused: &BTreeMap<RunId, Pause>,
    ) -> BTreeSet<Due> {
        let works = works.into_iter();
        let held = works.filter(|work| paused.contains_key(&work.run()));
        self.set_aside(held.collect()).await
    }

    /// Sets work of paused runs aside. Returns the work that is not to be done now.
    pub(crate) async fn set_aside(&self, mut held: BTreeSet<Due>) -> BTreeSet<Due> {
        for piece in Vec::from_iter(held.clone()).chunks(PIECE) {
            match self.store.set_aside(piece.to_vec()).await {
                Ok(others) => held.retain(|work| !others.contains(work)),
                // It stays where it is, and is found again.
                Err(error) => tracing::debug!(%error, "work of paused runs is set aside later"),
            }
        }
        held
    }

    fn known(&self) -> MutexGuard<'_, Pauses> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
