//! Reads the history of a run, while the run goes on, for a client that checks code against it.
//!
//! The head shows the run at one moment, and says how many activations follow. If the run goes on meanwhile, no
//! activation is added. If it is removed, retried, moved, taken back or continues as new, the history ends early, which
//! its reader notices by the number of activations: the journal may by then contain other activations than the head
//! describes.

use std::sync::Arc;

use dormouse_journal::{Activation, HistoryHead, RunId, generation_key};
use dormouse_store::{ReadError, RunGeneration, StoreReader};

/// The number of activations that are read at once.
const PAGE: usize = 32;

/// A history that is being read. It keeps no read of the store open.
pub struct RunHistory {
    reader: Arc<dyn StoreReader>,
    run: RunId,
    /// The number of the next activation to read. `end` is the number after the last one.
    next: u32,
    end: u32,
    /// The number of times that the run had been retried, moved or taken back, and its generation.
    at: (u32, u32),
    journal_bytes: u64,
}

impl RunHistory {
    /// Begins to read the history of a run. None if there is no such run.
    pub(crate) async fn begin(
        reader: Arc<dyn StoreReader>,
        run: RunId,
    ) -> Result<Option<(HistoryHead, Self)>, ReadError> {
        let Some(run_generation) = reader.run_generation(run).await? else {
            return Ok(None);
        };
        let state = &run_generation.view.state;
        let at = (state.tries, state.generation);
        let journal_bytes = state.journal_bytes;
        let head = head(run_generation);
        let history = RunHistory {
            reader,
            run,
            next: head.first_activation,
            end: head.first_activation.saturating_add(head.activations),
            at,
            journal_bytes,
        };
        Ok(Some((head, history)))
    }

    /// Returns the size of the run's journal in bytes: the most that one activation has.
    #[must_use]
    pub fn journal_bytes(&self) -> u64 {
        self.journal_bytes
    }

    /// Reads the next activations. Returns none after the last, and if the rest is no longer available.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Activation>>, ReadError> {
        let left = self.end.saturating_sub(self.next) as usize;
        if left == 0 {
            return Ok(None);
        }
        let page = self.reader.journal(self.run, self.next, PAGE.min(left));
        let page = page.await?;
        // Both counts only increase. If they are the same now, the page was read before the run was changed.
        let state = self.reader.state(self.run).await?;
        let is_same = state.is_some_and(|state| (state.tries, state.generation) == self.at);
        if !is_same || page.activations.is_empty() {
            return Ok(None);
        }
        let read = u32::try_from(page.activations.len()).unwrap_or(u32::MAX);
        self.next = self.next.saturating_add(read);
        Ok(Some(page.activations))
    }
}

fn head(run_generation: RunGeneration) -> HistoryHead {
    let RunGeneration {
        view,
        beginning,
        input,
        has_failing,
    } = run_generation;
    let of_first = view.state.generation == 0;
    let trigger = view.run.trigger_request().filter(|_| of_first);
    let activations = view.state.activations - view.state.first_activation;
    HistoryHead {
        run: view.id,
        workflow: view.run.workflow,
        version: view.run.version,
        status: view.state.status,
        started: view.run.created,
        headers: view.run.headers,
        trigger: trigger.map(|request| (request.trigger, request.method, request.url)),
        key: generation_key(view.run.key, view.state.generation),
        limits: view.run.limits,
        labels: view.run.labels,
        logged: view.state.log_bytes,
        input,
        first: (beginning.first_operation, beginning.first_webhook),
        kept: beginning.kept,
        cancel_asked: beginning.cancel_asked,
        first_activation: view.state.first_activation,
        activations: activations.saturating_sub(has_failing.into()),
    }
}
