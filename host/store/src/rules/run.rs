//! A run as a transaction reads and changes it, from loading to writing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use dormouse_journal::{
    IllegalTransition, Open, OperationNumber, RunId, Status, Time, Transition, WebhookNumber,
};

use super::counts::Counts;
use crate::ReadError;
use crate::rows::counted::{Ledger, counted};
use crate::rows::table::between;
use crate::tables::inline_rows::InlineRows;
use crate::tables::mailboxes::{self, Mailbox};
use crate::tables::results::{self, Arriving};
use crate::tables::states::{self, StateRow};
use crate::tables::{
    State, Webhook, calls, due, inbox, inputs, mail, open, runs, runs_by_status, webhooks,
};

/// A run, and the changes that a transaction can make to it. Everything that changes about the run goes through this
/// type, so that its row, the two indexes that follow from it and the count of what is ready stay consistent.
pub(crate) struct RunWrite<'w> {
    pub(crate) id: RunId,
    /// The time of the present transaction.
    pub(crate) now: Time,
    pub(crate) rows: &'w mut (dyn Ledger + Send + 'w),
    pub(super) loaded: &'w mut Loaded,
    /// The size of all requests in all inboxes of the host.
    inbox_bytes: &'w mut u64,
}

/// A run's row, loaded once for a group and written once at the group's end.
pub(super) struct Loaded {
    pub(super) state: State,
    webhooks: InlineRows<WebhookNumber, Webhook>,
    pub(super) open: InlineRows<OperationNumber, Open>,
    before: Before,
}

/// The stored state. A pending run has no stored row, but its row is known.
struct Before {
    row: Vec<u8>,
    status: Status,
    is_due: bool,
}

/// The disk space that a run uses, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owned {
    /// All of the disk space.
    pub(crate) all: u64,
    /// The part of it that the run wrote itself.
    pub(crate) own: u64,
}

impl RunWrite<'_> {
    pub(crate) fn state(&self) -> &State {
        &self.loaded.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut State {
        &mut self.loaded.state
    }

    /// Returns the key of an activation in the run's journal.
    pub(crate) fn record_key(&self, activation: u32) -> (RunId, u32, u32) {
        self.loaded.state.record_key(self.id, activation)
    }

    pub(crate) fn transition(&mut self, event: Transition) -> Result<(), IllegalTransition> {
        let state = &mut self.loaded.state;
        state.status = state.status.after(event)?;
        Ok(())
    }

    /// Returns the size of all requests in all inboxes of the host.
    pub(crate) fn host_inbox_bytes(&self) -> u64 {
        *self.inbox_bytes
    }

    /// Returns the disk space that the run uses, including what this transaction has written.
    pub(crate) fn owned(&self) -> Owned {
        let growth = self.rows.growth(self.id);
        let state = &self.loaded.state;
        let all = state.storage_bytes.saturating_add_signed(growth.all);
        let received = state.received_bytes.saturating_add_signed(growth.received);
        Owned {
            all,
            own: all.saturating_sub(received),
        }
    }

    pub(crate) fn webhook(&self, number: WebhookNumber) -> Result<Option<Webhook>, ReadError> {
        let key = (self.id, number);
        self.loaded.webhooks.get(&webhooks::TABLE, self.rows, key)
    }

    pub(crate) fn add_webhook(
        &mut self,
        number: WebhookNumber,
        webhook: Webhook,
    ) -> Result<(), ReadError> {
        let key = (self.id, number);
        self.loaded
            .webhooks
            .add(&webhooks::TABLE, self.rows, key, webhook)
    }

    /// Removes a webhook that has nothing to deliver.
    pub(crate) fn take_webhook(&mut self, number: WebhookNumber) -> Result<(), ReadError> {
        let key = (self.id, number);
        let webhooks = &mut self.loaded.webhooks;
        webhooks.take(&webhooks::TABLE, self.rows, key).map(drop)
    }

    /// Returns the numbers of the run's webhooks.
    pub(crate) fn webhook_numbers(&self) -> Result<Vec<WebhookNumber>, ReadError> {
        let range = webhooks::TABLE.of(self.id);
        let others = webhooks::TABLE.keys(self.rows, range, false, usize::MAX)?;
        let mut numbers = self.loaded.webhooks.numbers();
        numbers.extend(others.into_iter().map(|(_, number)| number));
        Ok(numbers)
    }

    /// Changes a webhook, if it exists, and updates whether it has something to deliver.
    pub(crate) fn change_webhook(
        &mut self,
        number: WebhookNumber,
        change: impl FnOnce(&mut Webhook),
    ) -> Result<(), ReadError> {
        match self.webhook(number)? {
            Some(webhook) => self.put_changed_webhook(number, webhook, change),
            None => Ok(()),
        }
    }

    /// Changes a webhook that was read before, and updates whether it has something to deliver.
    pub(crate) fn put_changed_webhook(
        &mut self,
        number: WebhookNumber,
        mut webhook: Webhook,
        change: impl FnOnce(&mut Webhook),
    ) -> Result<(), ReadError> {
        let was_ready = webhook.is_ready();
        let (queued, bytes) = (webhook.queued, webhook.queued_bytes);
        change(&mut webhook);
        self.count(was_ready, webhook.is_ready());
        self.count_queued(queued, webhook.queued);
        for sum in [&mut *self.inbox_bytes, &mut self.loaded.state.queued_bytes] {
            let others = sum.saturating_sub(bytes);
            *sum = others.saturating_add(webhook.queued_bytes);
        }
        let key = (self.id, number);
        self.loaded
            .webhooks
            .replace(&webhooks::TABLE, self.rows, key, webhook)
    }

    pub(crate) fn mailbox(&self, event: &str) -> Result<Mailbox, ReadError> {
        let mailbox = mailboxes::TABLE.get(self.rows, (self.id, event))?;
        Ok(mailbox.unwrap_or_default())
    }

    /// Changes a mailbox, and updates whether it has something to deliver.
    pub(crate) fn change_mailbox(
        &mut self,
        event: &str,
        change: impl FnOnce(&mut Mailbox),
    ) -> Result<(), ReadError> {
        let mut mailbox = self.mailbox(event)?;
        let (was_ready, queued) = (mailbox.is_ready(), mailbox.queued);
        change(&mut mailbox);
        self.count(was_ready, mailbox.is_ready());
        self.count_queued(queued, mailbox.queued);
        mailboxes::TABLE.put(self.rows, (self.id, event), &mailbox)
    }

    pub(crate) fn open(&self, operation: OperationNumber) -> Result<Option<Open>, ReadError> {
        let key = (self.id, operation);
        self.loaded.open.get(&open::TABLE, self.rows, key)
    }

    /// Returns true if the run waits for this operation. If an operation was made and given up in the same
    /// activation, the run does not wait for it.
    pub(crate) fn waits_for(&self, operation: OperationNumber) -> Result<bool, ReadError> {
        Ok(self.open(operation)?.is_some_and(|open| !open.abandoned))
    }

    pub(crate) fn add_open(
        &mut self,
        operation: OperationNumber,
        open: Open,
    ) -> Result<(), ReadError> {
        let key = (self.id, operation);
        self.loaded.open.add(&open::TABLE, self.rows, key, open)
    }

    pub(crate) fn replace_open(
        &mut self,
        operation: OperationNumber,
        open: Open,
    ) -> Result<(), ReadError> {
        let key = (self.id, operation);
        self.loaded.open.replace(&open::TABLE, self.rows, key, open)
    }

    pub(crate) fn take_open(
        &mut self,
        operation: OperationNumber,
    ) -> Result<Option<Open>, ReadError> {
        let key = (self.id, operation);
        self.loaded.open.take(&open::TABLE, self.rows, key)
    }

    /// Stores the outcome of an operation, which is delivered later.
    pub(crate) fn put_result(
        &mut self,
        operation: OperationNumber,
        accepted: Time,
        outcome: &Arriving,
    ) -> Result<(), ReadError> {
        let replaced = results::put(self.rows, (self.id, operation), accepted, outcome)?;
        self.count(replaced, true);
        Ok(())
    }

    /// Removes the outcome of an operation. Returns true if there was one.
    pub(crate) fn drop_result(&mut self, operation: OperationNumber) -> Result<bool, ReadError> {
        let existed = results::remove(self.rows, (self.id, operation))?;
        self.count(existed, false);
        Ok(existed)
    }

    /// Updates the number of items in the run's inboxes.
    fn count_queued(&mut self, before: u32, after: u32) {
        let state = &mut self.loaded.state;
        let others = state.queued.saturating_sub(before.into());
        state.queued = others.saturating_add(after.into());
    }

    /// Updates the number of things that are ready to be delivered, after one of them has changed.
    pub(crate) fn count(&mut self, was_ready: bool, is_ready: bool) {
        let state = &mut self.loaded.state;
        match (was_ready, is_ready) {
            (false, true) => state.ready += 1,
            (true, false) => state.ready = state.ready.saturating_sub(1),
            _ => {}
        }
    }

    /// Returns true if an open operation is work for the host.
    pub(crate) fn has_host_work(&self) -> Result<bool, ReadError> {
        if self.loaded.state.notifying > 0 {
            return Ok(true);
        }
        if calls::has_any(self.rows, self.id)? {
            return Ok(true);
        }
        let results = results::TABLE.keys(self.rows, results::TABLE.of(self.id), false, 1)?;
        Ok(!results.is_empty())
    }

    /// Returns the arrival time of the first request in a webhook's inbox.
    pub(crate) fn first_request(&self, webhook: WebhookNumber) -> Result<Option<Time>, ReadError> {
        let range = between((self.id, webhook, 0), (self.id, webhook, u64::MAX));
        let first = inbox::TABLE.first_prefix::<_, _, inbox::Arrival>(self.rows, range)?;
        Ok(first.map(|(_, arrival)| arrival.accepted))
    }

    /// Returns the arrival time of the first event in the run's inbox for events of this name.
    pub(crate) fn first_mail(&self, event: &str) -> Result<Option<Time>, ReadError> {
        let range = between((self.id, event, 0), (self.id, event, u64::MAX));
        let first = mail::TABLE.first_prefix(self.rows, range)?;
        Ok(first.map(|(_, accepted)| accepted))
    }
}

/// Returns the id after that of `run`, for ranges whose keys have a text after the run and therefore no last key to
/// name.
pub(crate) fn next(run: RunId) -> RunId {
    RunId(u128::from_be_bytes(run.0).wrapping_add(1).to_be_bytes())
}

impl Loaded {
    /// Returns the numbers of the webhooks that are in the run's own row.
    pub(super) fn webhooks_in_row(&self) -> Vec<WebhookNumber> {
        self.webhooks.numbers()
    }

    /// Loads a run that exists.
    fn load(rows: &(dyn Ledger + Send), run: RunId) -> Result<Option<Self>, ReadError> {
        if let Some((state_row, row)) = states::TABLE.get_encoded(rows, run)? {
            let is_due = state_row.state.is_due();
            return Ok(Some(Self::of(state_row, row, is_due)));
        }
        let Some((stored, row)) = runs::TABLE.get_encoded(rows, run)? else {
            return Ok(None);
        };
        let input_row = match stored.input_row {
            Some(size) => size,
            None => inputs::TABLE.size(rows, run)?.map_or(0, counted),
        };
        let bytes = counted(row.len()).saturating_add(input_row);
        let is_child = stored.run.parent.is_some();
        let (created, workflow) = (stored.run.created, stored.run.workflow);
        let state_row = StateRow::pending(created, workflow, bytes, is_child);
        Ok(Some(Self::pending(state_row, true)))
    }

    /// Creates a run that has no row yet.
    fn pending(state_row: StateRow, is_due: bool) -> Self {
        let row = states::TABLE.encode(&state_row);
        Self::of(state_row, row, is_due)
    }

    fn of(state_row: StateRow, row: Vec<u8>, is_due: bool) -> Self {
        Loaded {
            before: Before {
                row,
                status: state_row.state.status,
                is_due,
            },
            state: state_row.state,
            webhooks: state_row.webhooks,
            open: state_row.open,
        }
    }

    /// Writes the row and the indexes.
    fn save(
        self,
        rows: &mut (dyn Ledger + Send),
        counts: &mut Counts,
        run: RunId,
    ) -> Result<(), ReadError> {
        let (status, is_due) = (self.state.status, self.state.is_due());
        counts.moved(&self.state.workflow, Some(self.before.status), Some(status));
        let state_row = StateRow {
            state: self.state,
            webhooks: self.webhooks,
            open: self.open,
        };
        let old = runs_by_status::tag(self.before.status);
        let new = runs_by_status::tag(status);
        if old != new {
            if self.before.status == Status::Pending {
                let aside = (runs_by_status::PENDING_ASIDE, run);
                runs_by_status::TABLE.remove(rows, aside)?;
            }
            if let Some(tag) = old {
                runs_by_status::TABLE.remove(rows, (tag, run))?;
            }
            if let Some(tag) = new {
                runs_by_status::TABLE.add(rows, (tag, run))?;
            }
        }
        match (self.before.is_due, is_due) {
            (false, true) => due::TABLE.add(rows, run)?,
            (true, false) => drop(due::TABLE.remove(rows, run)?),
            _ => {}
        }
        let row = states::TABLE.encode(&state_row);
        if self.before.row != row {
            states::TABLE.put_encoded(rows, run, &row)?;
        }
        Ok(())
    }
}

/// The runs that a group touches, each loaded once and saved once.
#[derive(Default)]
pub(crate) struct Runs(BTreeMap<RunId, Loaded>);

impl Runs {
    /// Returns a run, if it exists.
    pub(crate) fn load<'w>(
        &'w mut self,
        rows: &'w mut (dyn Ledger + Send + 'w),
        inbox_bytes: &'w mut u64,
        id: RunId,
        now: Time,
    ) -> Result<Option<RunWrite<'w>>, ReadError> {
        let loaded = match self.0.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => match Loaded::load(rows, id)? {
                Some(loaded) => entry.insert(loaded),
                None => return Ok(None),
            },
        };
        Ok(Some(RunWrite {
            id,
            now,
            rows,
            loaded,
            inbox_bytes,
        }))
    }

    /// Adds a run that is being started.
    pub(crate) fn start(&mut self, id: RunId, state_row: StateRow) {
        self.0.insert(id, Loaded::pending(state_row, false));
    }

    /// Returns the size of the loaded rows, all of which may have to be written again.
    pub(crate) fn loaded_bytes(&self) -> u64 {
        self.0.values().map(|run| run.before.row.len() as u64).sum()
    }

    /// Writes the changes of a run that is about to be removed.
    pub(crate) fn save_one(
        &mut self,
        rows: &mut (dyn Ledger + Send),
        counts: &mut Counts,
        id: RunId,
    ) -> Result<(), ReadError> {
        let loaded = self.0.remove(&id);
        loaded.map_or(Ok(()), |loaded| loaded.save(rows, counts, id))
    }

    /// Writes all changes.
    pub(crate) fn save(
        &mut self,
        rows: &mut (dyn Ledger + Send),
        counts: &mut Counts,
    ) -> Result<(), ReadError> {
        let all = std::mem::take(&mut self.0);
        all.into_iter()
            .try_for_each(|(id, loaded)| loaded.save(rows, counts, id))
    }
}
