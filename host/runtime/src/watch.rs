//! Who waits for a run to end, in memory: an answer held by `Prefer: wait`, `dormouse start --wait`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use dormouse_journal::RunId;
use futures::channel::oneshot;

/// The watchers of all runs.
#[derive(Default)]
pub(crate) struct Watchers {
    waiting: Mutex<HashMap<RunId, Vec<oneshot::Sender<()>>>>,
}

impl Watchers {
    /// Resolves when the run has ended, if it ends from now on.
    pub(crate) fn watch(&self, run: RunId) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let watchers = waiting.entry(run).or_default();
        // Those who gave up waiting would otherwise pile up on a run that never ends.
        watchers.retain(|watcher| !watcher.is_canceled());
        watchers.push(sender);
        receiver
    }

    /// A run has ended.
    pub(crate) fn ended(&self, run: RunId) {
        let watchers = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&run);
        for watcher in watchers.into_iter().flatten() {
            let _ = watcher.send(());
        }
    }

    /// The host is stopping: nobody waits any longer.
    pub(crate) fn release_all(&self) {
        let waiting =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        // A dropped sender resolves its watcher, who looks at the run again.
        drop(waiting);
    }
}
