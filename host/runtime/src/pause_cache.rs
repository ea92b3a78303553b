//! Pauses as the services that look for due work need to know them, and setting the work of paused runs aside.
//!
//! The store is the truth. A copy in memory says whether the host is paused and which workflows are, so that their work
//! is skipped without a read. Only the store knows whether a run itself is paused, or held by a run above it. The store
//! returns that together with the due work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use dormouse_journal::{RunId, Time};
use dormouse_store::{Due, Pause, Pauses, ReadError, Store};

/// The largest number of works that one write sets aside.
const PIECE: usize = 64;

/// Knows which workflows are paused, and whether the host is.
pub(crate) struct PauseCache {
    store: Arc<dyn Store>,
    known: Mutex<Pauses>,
    /// The time since which the host had been paused when it was started, if it was paused.
    at_start: OnceLock<Option<Time>>,
    /// True if something was resumed since due work was last scanned from the front.
    has_resumed: AtomicBool,
}

impl PauseCache {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        PauseCache {
            store,
            known: Mutex::default(),
            at_start: OnceLock::new(),
            has_resumed: AtomicBool::new(false),
        }
    }

    /// Reads the present pauses from the store.
    pub(crate) async fn refresh(&self) -> Result<(), ReadError> {
        let pauses = self.store.pauses().await?;
        self.at_start.get_or_init(|| pauses.host);
        *self.known() = pauses;
        Ok(())
    }

    /// Returns the pauses as they were last read.
    pub(crate) fn pauses(&self) -> Pauses {
        self.known().clone()
    }

    /// Returns the time since which the host is paused, if it is paused.
    pub(crate) fn host(&self) -> Option<Time> {
        self.known().host
    }

    /// Returns the time since which the host had been paused when it was started, if it was paused.
    pub(crate) fn host_at_start(&self) -> Option<Time> {
        self.at_start.get().copied().flatten()
    }

    /// Returns true if all runs of a workflow are paused.
    pub(crate) fn has_workflow(&self, workflow: &str) -> bool {
        self.known().of_workflow(workflow).is_some()
    }

    /// Notes that a workflow or the host was resumed, so that due work is scanned from the front.
    pub(crate) fn resumed(&self) {
        self.has_resumed.store(true, Ordering::Release);
    }

    /// Returns true if due work must be scanned from the front, and resets that.
    pub(crate) fn take_resumed(&self) -> bool {
        self.has_resumed.swap(false, Ordering::AcqRel)
    }

    /// Sets aside the work of these runs, which are paused or held. Returns the work that must not be done now. If
    /// there is no such work, the store is neither read nor written.
    pub(crate) async fn set_aside_paused(
        &self,
        works: impl IntoIterator<Item = Due>,
        paused: &BTreeMap<RunId, Pause>,
    ) -> BTreeSet<Due> {
        let works = works.into_iter();
        let held = works.filter(|work| paused.contains_key(&work.run()));
        self.set_aside(held.collect()).await
    }

    /// Sets the work of paused runs aside. Returns the work that must not be done now.
    pub(crate) async fn set_aside(&self, mut held: BTreeSet<Due>) -> BTreeSet<Due> {
        for piece in Vec::from_iter(held.clone()).chunks(PIECE) {
            match self.store.set_aside(piece.to_vec()).await {
                Ok(others) => held.retain(|work| !others.contains(work)),
                // The work stays where it is. The next scan finds it again.
                Err(error) => {
                    tracing::debug!(%error, "work of paused runs could not be set aside; the next scan tries again");
                }
            }
        }
        held
    }

    fn known(&self) -> MutexGuard<'_, Pauses> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
