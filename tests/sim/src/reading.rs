//! Reads the content of the store for a test, at once, whatever the host does.

use std::sync::Arc;

use bytes::Bytes;
use dormouse_journal::{
    Activation, Beginning, Channel, LogLine, Moment, Open, OperationNumber, Outcome, Payload,
    RunId, VersionId, WebhookNumber,
};
use dormouse_seams::{Spawner, Task};
use dormouse_store::{
    Attempts, ReadError, RunQuery, RunView, State, StoreReader, Timer, TriggerView, Webhook,
    WebhookView,
};
use futures::FutureExt;

/// A store that a test reads.
#[derive(Clone)]
pub struct Reading(pub(crate) Arc<dyn StoreReader>);

/// Runs the tasks of a read at once, on the reading thread.
pub(crate) struct InlineSpawner;

impl Spawner for InlineSpawner {
    fn spawn(&self, task: Task) {
        self.spawn_blocking(task);
    }

    fn spawn_blocking(&self, task: Task) {
        let _ = task.now_or_never();
    }
}

/// Returns the result of a read that has nothing to wait for.
fn now<T>(read: dormouse_store::Read<T>) -> Result<T, ReadError> {
    read.now_or_never()
        .unwrap_or_else(|| panic!("a read has to wait"))
}

/// A limit that leaves nothing out.
const ALL: usize = usize::MAX;

#[allow(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "each fails when the store cannot be read, and panics when it would have to wait"
)]
impl Reading {
    /// Returns the state of a run.
    pub fn state(&self, run: RunId) -> Result<Option<State>, ReadError> {
        now(self.0.state(run))
    }

    /// Returns a run.
    pub fn view(&self, run: RunId) -> Result<Option<RunView>, ReadError> {
        Ok(now(self.0.show(run, 0))?.map(|shown| shown.view))
    }

    /// Returns all runs, newest first.
    pub fn runs(&self) -> Result<Vec<RunView>, ReadError> {
        let query = RunQuery {
            limit: ALL,
            ..RunQuery::default()
        };
        Ok(now(self.0.runs(query))?.runs)
    }

    /// Returns the trigger of this name.
    pub fn trigger(&self, name: &str) -> Result<Option<TriggerView>, ReadError> {
        now(self.0.trigger(name.to_owned()))
    }

    /// Returns true if there are effects to carry out for runs.
    pub fn has_orders(&self) -> Result<bool, ReadError> {
        now(self.0.has_orders())
    }

    /// Returns the operations of a run that have not completed.
    pub fn open(&self, run: RunId) -> Result<Vec<(OperationNumber, Open)>, ReadError> {
        Ok(now(self.0.show(run, ALL))?.map_or_else(Vec::new, |shown| shown.open))
    }

    /// Returns a webhook.
    pub fn webhook(
        &self,
        run: RunId,
        webhook: WebhookNumber,
    ) -> Result<Option<Webhook>, ReadError> {
        let incoming = now(self.0.incoming(run, webhook))?.known();
        Ok(incoming.map(|incoming| incoming.webhook))
    }

    /// Returns the webhooks of a run.
    pub fn webhooks(&self, run: RunId) -> Result<Vec<WebhookView>, ReadError> {
        Ok(now(self.0.webhooks(run, ALL))?.unwrap_or_default())
    }

    /// Returns the journal of a run's present generation.
    pub fn journal(&self, run: RunId) -> Result<Vec<Activation>, ReadError> {
        let first = self.state(run)?.map_or(0, |state| state.first_activation);
        let mut journal = Vec::new();
        loop {
            let read = u32::try_from(journal.len()).unwrap_or(u32::MAX);
            let from = first.saturating_add(read);
            let page = now(self.0.journal(run, from, ALL))?;
            journal.extend(page.activations);
            if !page.more {
                return Ok(journal);
            }
        }
    }

    /// Returns a run's log, each line with the number of its activation.
    pub fn logs(&self, run: RunId) -> Result<Vec<(u32, LogLine)>, ReadError> {
        let lines = now(self.0.logs(run, (0, 0), ALL))?.lines.into_iter();
        Ok(lines
            .map(|((activation, _), line)| (activation, line))
            .collect())
    }

    /// Returns the beginning of a run's present generation, and its input.
    pub fn beginning(&self, run: RunId) -> Result<(Beginning, Payload), ReadError> {
        match now(self.0.generation(run))? {
            Some(generation) => Ok(generation),
            None => Ok((Beginning::default(), self.input(run)?.unwrap_or_default())),
        }
    }

    /// Returns the input of a run.
    pub fn input(&self, run: RunId) -> Result<Option<Payload>, ReadError> {
        now(self.0.input(run))
    }

    /// Returns a run's output.
    pub fn output(&self, run: RunId) -> Result<Option<Payload>, ReadError> {
        Ok(now(self.0.output(run))?.and_then(|(_, output)| output))
    }

    /// Returns a component.
    pub fn component(&self, version: VersionId) -> Result<Option<Bytes>, ReadError> {
        now(self.0.component(version))
    }

    /// Returns all completions in a channel of a run.
    pub fn channel_items(&self, run: RunId, channel: Channel) -> Result<Vec<Outcome>, ReadError> {
        let channel_items = now(self.0.channel_items(run, channel))?.into_iter();
        Ok(channel_items.map(|item| item.outcome).collect())
    }

    /// Returns the attempts at the first call of a run. None if the call has a result.
    pub fn attempts(&self, run: RunId) -> Result<Option<Attempts>, ReadError> {
        let sending = now(self.0.sending(run, OperationNumber(0)))?;
        Ok(sending.map(|sending| sending.attempts))
    }

    /// Returns a run that can go on, if there is one.
    pub fn due_run(&self) -> Result<Option<RunId>, ReadError> {
        Ok(now(self.0.due_runs(None, 1))?.runs.pop())
    }

    /// Returns a timer that has passed at this moment, if there is one.
    pub fn passed_timer(&self, moment: Moment) -> Result<Option<Timer>, ReadError> {
        Ok(now(self.0.timers(None, moment, 1))?.due.pop())
    }
}
