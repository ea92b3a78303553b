//! Changing a run's state row, and with it the two indexes that follow from it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use dormouse_journal::{IllegalTransition, RunId, Transition};

use crate::ReadError;
use crate::tables::{State, Tables, mailboxes, runs_by_status, states, webhooks};

/// A run's state, about to change.
pub(crate) struct Edit {
    pub(crate) run: RunId,
    pub(crate) state: State,
    before: Option<State>,
}

impl Edit {
    /// The state of a run that exists.
    fn load(tables: &Tables<'_>, run: RunId) -> Result<Option<Self>, ReadError> {
        let state = states::TABLE.get(&tables.states, run.0)?;
        Ok(state.map(|state| Edit {
            run,
            before: Some(state.clone()),
            state,
        }))
    }

    /// The state of a run that is being started.
    pub(crate) fn new(run: RunId, state: State) -> Self {
        Edit {
            run,
            state,
            before: None,
        }
    }

    pub(crate) fn transition(&mut self, event: Transition) -> Result<(), IllegalTransition> {
        self.state.status = self.state.status.after(event)?;
        Ok(())
    }

    /// Writes a webhook's row, and follows whether it has something to deliver.
    pub(crate) fn put_webhook(
        &mut self,
        tables: &mut Tables<'_>,
        number: u32,
        was_ready: bool,
        row: &webhooks::Webhook,
    ) -> Result<(), ReadError> {
        self.count(was_ready, row.is_ready());
        webhooks::TABLE.put(&mut tables.webhooks, (self.run.0, number), row)
    }

    /// Writes a mailbox's row, and follows whether it has something to deliver.
    pub(crate) fn put_mailbox(
        &mut self,
        tables: &mut Tables<'_>,
        event: &str,
        was_ready: bool,
        row: &mailboxes::Mailbox,
    ) -> Result<(), ReadError> {
        self.count(was_ready, row.is_ready());
        mailboxes::TABLE.put(&mut tables.mailboxes, (self.run.0, event), row)
    }

    /// Follows whether one thing is ready.
    pub(crate) fn count(&mut self, was_ready: bool, is_ready: bool) {
        match (was_ready, is_ready) {
            (false, true) => self.state.ready += 1,
            (true, false) => self.state.ready = self.state.ready.saturating_sub(1),
            _ => {}
        }
    }

    /// Writes the row and the indexes.
    fn save(self, tables: &mut Tables<'_>) -> Result<(), ReadError> {
        if self.before.as_ref() == Some(&self.state) {
            return Ok(());
        }
        let old = self.before.as_ref().map(|state| state.status);
        if old != Some(self.state.status) {
            if let Some(old) = old {
                tables
                    .runs_by_status
                    .remove((runs_by_status::tag(old), self.run.0))?;
            }
            tables
                .runs_by_status
                .insert((runs_by_status::tag(self.state.status), self.run.0), ())?;
        }
        let was_due = self.before.as_ref().is_some_and(State::is_due);
        match (was_due, self.state.is_due()) {
            (false, true) => drop(tables.due.insert(self.run.0, ())?),
            (true, false) => drop(tables.due.remove(self.run.0)?),
            _ => {}
        }
        states::TABLE.put(&mut tables.states, self.run.0, &self.state)
    }
}

/// The states of the runs that a group touches, each loaded once and saved once.
#[derive(Default)]
pub(crate) struct Edits(BTreeMap<RunId, Edit>);

impl Edits {
    pub(crate) fn load(
        &mut self,
        tables: &Tables<'_>,
        run: RunId,
    ) -> Result<Option<&mut Edit>, ReadError> {
        match self.0.entry(run) {
            Entry::Occupied(entry) => Ok(Some(entry.into_mut())),
            Entry::Vacant(entry) => Ok(Edit::load(tables, run)?.map(|edit| entry.insert(edit))),
        }
    }

    /// The state of a run that is being started.
    pub(crate) fn insert(&mut self, edit: Edit) {
        self.0.insert(edit.run, edit);
    }

    /// Writes what has changed of a run that is about to be removed.
    pub(crate) fn save_one(
        &mut self,
        tables: &mut Tables<'_>,
        run: RunId,
    ) -> Result<(), ReadError> {
        self.0.remove(&run).map_or(Ok(()), |edit| edit.save(tables))
    }

    /// Writes all that has changed.
    pub(crate) fn save(&mut self, tables: &mut Tables<'_>) -> Result<(), ReadError> {
        std::mem::take(&mut self.0)
            .into_values()
            .try_for_each(|edit| edit.save(tables))
    }
}
