//! Changing what changes about a run: its row of `states`, and the two indexes that follow from it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use dormouse_journal::{
    IllegalTransition, Open, OperationNumber, RunId, Status, Time, Transition, encode,
};
use redb::ReadableTable;

use crate::ReadError;
use crate::tables::few::Few;
use crate::tables::states::Standing;
use crate::tables::{
    State, Tables, Webhook, mailboxes, open, runs, runs_by_status, states, webhooks,
};

/// What changes about a run, about to change.
pub(crate) struct Edit {
    pub(crate) run: RunId,
    pub(crate) state: State,
    webhooks: Few<Webhook>,
    open: Few<Open>,
    before: Before,
}

/// What the tables have. As long as a run is pending, its row is not there, but known.
struct Before {
    row: Vec<u8>,
    status: Status,
    is_due: bool,
}

impl Edit {
    /// Of a run that exists.
    fn load(tables: &Tables<'_>, run: RunId) -> Result<Option<Self>, ReadError> {
        let Some(row) = tables.states.get(run.0)? else {
            let row = runs::TABLE.get(&tables.runs, run.0)?;
            return Ok(row.map(|row| Self::pending(run, row.run.created, true)));
        };
        let row = row.value().to_vec();
        let Standing {
            state,
            webhooks,
            open,
        } = states::TABLE.decode(&row)?;
        Ok(Some(Edit {
            run,
            before: Before {
                row,
                status: state.status,
                is_due: state.is_due(),
            },
            state,
            webhooks,
            open,
        }))
    }

    /// Of a run that is being started.
    pub(crate) fn new(run: RunId, created: Time) -> Self {
        Self::pending(run, created, false)
    }

    /// Of a run that has no row yet.
    fn pending(run: RunId, created: Time, is_due: bool) -> Self {
        let standing = Standing::pending(created);
        Edit {
            run,
            before: Before {
                row: encode(&standing),
                status: standing.state.status,
                is_due,
            },
            state: standing.state,
            webhooks: standing.webhooks,
            open: standing.open,
        }
    }

    pub(crate) fn transition(&mut self, event: Transition) -> Result<(), IllegalTransition> {
        self.state.status = self.state.status.after(event)?;
        Ok(())
    }

    pub(crate) fn webhook(
        &self,
        tables: &Tables<'_>,
        number: u32,
    ) -> Result<Option<Webhook>, ReadError> {
        let key = (self.run.0, number);
        self.webhooks.get(&webhooks::TABLE, &tables.webhooks, key)
    }

    pub(crate) fn all_webhooks(
        &self,
        tables: &Tables<'_>,
    ) -> Result<Vec<(u32, Webhook)>, ReadError> {
        let run = self.run.0;
        self.webhooks
            .all(&webhooks::TABLE, &tables.webhooks, run, usize::MAX)
    }

    pub(crate) fn add_webhook(
        &mut self,
        tables: &mut Tables<'_>,
        number: u32,
        row: Webhook,
    ) -> Result<(), ReadError> {
        let key = (self.run.0, number);
        self.webhooks.add(&mut tables.webhooks, key, row)
    }

    /// Writes a webhook that is there, and follows whether it has something to deliver.
    pub(crate) fn put_webhook(
        &mut self,
        tables: &mut Tables<'_>,
        number: u32,
        was_ready: bool,
        row: Webhook,
    ) -> Result<(), ReadError> {
        self.count(was_ready, row.is_ready());
        let key = (self.run.0, number);
        self.webhooks
            .replace(&webhooks::TABLE, &mut tables.webhooks, key, row)
    }

    /// Removes those that lie in the run's row.
    pub(crate) fn take_first_webhooks(&mut self) -> impl Iterator<Item = Webhook> {
        self.webhooks.drain()
    }

    pub(crate) fn open(
        &self,
        tables: &Tables<'_>,
        operation: OperationNumber,
    ) -> Result<Option<Open>, ReadError> {
        let key = (self.run.0, operation.0);
        self.open.get(&open::TABLE, &tables.open, key)
    }

    /// The operations that have not completed.
    pub(crate) fn all_open(&self, tables: &Tables<'_>) -> Result<Vec<(u32, Open)>, ReadError> {
        let run = self.run.0;
        self.open.all(&open::TABLE, &tables.open, run, usize::MAX)
    }

    pub(crate) fn add_open(
        &mut self,
        tables: &mut Tables<'_>,
        operation: OperationNumber,
        row: Open,
    ) -> Result<(), ReadError> {
        let key = (self.run.0, operation.0);
        self.open.add(&mut tables.open, key, row)
    }

    pub(crate) fn replace_open(
        &mut self,
        tables: &mut Tables<'_>,
        operation: OperationNumber,
        row: Open,
    ) -> Result<(), ReadError> {
        let key = (self.run.0, operation.0);
        self.open.replace(&open::TABLE, &mut tables.open, key, row)
    }

    pub(crate) fn take_open(
        &mut self,
        tables: &mut Tables<'_>,
        operation: OperationNumber,
    ) -> Result<Option<Open>, ReadError> {
        let key = (self.run.0, operation.0);
        self.open.take(&open::TABLE, &mut tables.open, key)
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
        let run = self.run.0;
        let (status, is_due) = (self.state.status, self.state.is_due());
        let row = encode(&Standing {
            state: self.state,
            webhooks: self.webhooks,
            open: self.open,
        });
        let old = runs_by_status::tag(self.before.status);
        let new = runs_by_status::tag(status);
        if old != new {
            if let Some(tag) = old {
                tables.runs_by_status.remove((tag, run))?;
            }
            if let Some(tag) = new {
                tables.runs_by_status.insert((tag, run), ())?;
            }
        }
        match (self.before.is_due, is_due) {
            (false, true) => drop(tables.due.insert(run, ())?),
            (true, false) => drop(tables.due.remove(run)?),
            _ => {}
        }
        if self.before.row != row {
            tables.states.insert(run, row.as_slice())?;
        }
        Ok(())
    }
}

/// The rows of the runs that a group touches, each loaded once and saved once.
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

    /// What changes about a run that is being started.
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
