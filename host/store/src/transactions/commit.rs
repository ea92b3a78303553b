//! Writing what activations decided: the journal's rows, and every row of other tables that follows from them.

use dormouse_journal::{
    Channel, End, Kind, Open, Operation, OperationNumber, Outcome, Source, Time, Transition,
    Waiting, encode,
};
use redb::ReadableTable;

use crate::ReadError;
use crate::tables::event_waits::EventWait;
use crate::tables::expiries::Expiring;
use crate::tables::{
    Attempts, Call, Reply, Tables, Webhook, calls, event_waits, journal, logs, mail, mailboxes,
    replies,
};
use crate::transactions::accept::request_size;
use crate::transactions::activate::{NewResponse, Step};
use crate::transactions::edit::Edit;

/// Writes what activations decided.
pub(super) struct Commit<'a, 't> {
    pub(super) edit: &'a mut Edit,
    pub(super) now: Time,
    pub(super) sequence: u64,
    pub(super) tables: &'a mut Tables<'t>,
    pub(super) inbox_bytes: &'a mut u64,
}

impl Commit<'_, '_> {
    pub(super) fn step(
        &mut self,
        index: u32,
        step: &Step,
        retention: u64,
    ) -> Result<(), ReadError> {
        let run = self.edit.run.0;
        let record = encode(&step.activation);
        self.tables
            .journal
            .insert((run, journal::GENERATION, index), record.as_slice())?;
        for (place, line) in (0..).zip(&step.logs) {
            logs::TABLE.put(&mut self.tables.logs, (run, index, place), line)?;
        }
        if let (Some(completion), Some(source)) = (&step.activation.completion, &step.source) {
            if let Source::Arrival { channel, place } = source {
                self.take(channel, *place, &completion.outcome)?;
            }
            self.close(completion.operation)?;
        }
        let state = &mut self.edit.state;
        let first = state.operations;
        state.log_bytes = step.logged;
        state.activations = index + 1;
        state.operations += u32::try_from(step.activation.operations.len()).unwrap_or(u32::MAX);
        state.journal_bytes += record.len() as u64;
        state.time = step.activation.time;
        self.keep_responses(&step.responses)?;
        if let Some(end) = &step.activation.end {
            // What an ending activation decided besides its end and its answers is shown in the journal and never
            // performed.
            return self.end(end, retention);
        }
        for (number, operation) in (first..).zip(&step.activation.operations) {
            self.perform(OperationNumber(number), operation, step.activation.time)?;
        }
        for call in &step.calls {
            if !is_waited_for(self.tables, self.edit, call.operation)? {
                continue;
            }
            let attempts = Attempts {
                scheduled: 1,
                next: self.now,
            };
            let row = Call {
                attempts,
                ..call.call.clone()
            };
            calls::TABLE.put(&mut self.tables.calls, (run, call.operation.0), &row)?;
        }
        Ok(())
    }

    /// Keeps answers for callers who ask again. Those who cannot, having given no key, have no row for it.
    fn keep_responses(&mut self, responses: &[NewResponse]) -> Result<(), ReadError> {
        for NewResponse { delivery, response } in responses {
            let key = (self.edit.run.0, delivery.as_str());
            if self.tables.replies.get(key)?.is_some() {
                let row = Reply {
                    response: Some(response.clone()),
                };
                replies::TABLE.put(&mut self.tables.replies, key, &row)?;
            }
        }
        Ok(())
    }

    /// Removes what was delivered from where it lay.
    fn take(&mut self, channel: &Channel, place: u64, outcome: &Outcome) -> Result<(), ReadError> {
        let run = self.edit.run.0;
        match channel {
            Channel::Webhook(webhook) => {
                let Outcome::Delivery(Some(delivery)) = outcome else {
                    return Ok(());
                };
                self.tables.inbox.remove((run, webhook.0, place))?;
                let size = request_size(&delivery.request);
                *self.inbox_bytes = self.inbox_bytes.saturating_sub(size);
                self.change_webhook(webhook.0, |row| {
                    row.queued = row.queued.saturating_sub(1);
                    row.queued_bytes = row.queued_bytes.saturating_sub(size);
                    row.delivered += 1;
                })
            }
            Channel::Event(event) => {
                let Some(removed) = self.tables.mail.remove((run, event.as_str(), place))? else {
                    return Ok(());
                };
                let size = mail::TABLE.decode(removed.value())?.payload.body.len() as u64;
                drop(removed);
                self.change_mailbox(event, |row| {
                    row.queued = row.queued.saturating_sub(1);
                    row.queued_bytes = row.queued_bytes.saturating_sub(size);
                })
            }
            Channel::Result(operation) => self.drop_result(*operation),
        }
    }

    /// An operation has completed, or was dropped: it waits no more.
    fn close(&mut self, operation: OperationNumber) -> Result<(), ReadError> {
        let Some(row) = self.edit.take_open(self.tables, operation)? else {
            return Ok(());
        };
        if row.abandoned {
            // All else was taken away when it was given up.
            self.edit.count(true, false);
            return Ok(());
        }
        self.quiet(operation, &row)
    }

    /// Takes away all by which an operation could complete.
    fn quiet(&mut self, operation: OperationNumber, row: &Open) -> Result<(), ReadError> {
        let run = self.edit.run.0;
        if let Some(deadline) = row.kind.deadline(row.issued) {
            self.tables.timers.remove((deadline.0, run, operation.0))?;
        }
        match &row.kind {
            Kind::WaitForWebhook { webhook, .. } => {
                self.change_webhook(webhook.0, |row| row.waits = row.waits.saturating_sub(1))
            }
            Kind::WaitForEvent { event, .. } => {
                // Whoever sent to all has taken this row away, and with it the wait on the mailbox.
                let waited = self
                    .tables
                    .event_waits
                    .remove((event.as_str(), run, operation.0))?
                    .is_some();
                if waited {
                    self.change_mailbox(event, |row| row.waits = row.waits.saturating_sub(1))?;
                }
                self.drop_result(operation)
            }
            Kind::Call { .. } => {
                self.tables.calls.remove((run, operation.0))?;
                self.drop_result(operation)
            }
            Kind::Notify { .. } => self.drop_result(operation),
            _ => Ok(()),
        }
    }

    fn drop_result(&mut self, operation: OperationNumber) -> Result<(), ReadError> {
        let existed = self
            .tables
            .results
            .remove((self.edit.run.0, operation.0))?
            .is_some();
        self.edit.count(existed, false);
        Ok(())
    }

    fn perform(
        &mut self,
        number: OperationNumber,
        operation: &Operation,
        time: Time,
    ) -> Result<(), ReadError> {
        match &operation.kind {
            Kind::CreateWebhook {
                webhook, options, ..
            } => {
                let row = Webhook {
                    step: operation.step.clone(),
                    activation: self.edit.state.activations - 1,
                    options: options.clone(),
                    created: time,
                    closed: false,
                    next_place: 0,
                    queued: 0,
                    queued_bytes: 0,
                    delivered: 0,
                    waits: 0,
                    last_accepted: None,
                };
                self.edit.add_webhook(self.tables, webhook.0, row)
            }
            Kind::CloseWebhook { webhook } => {
                self.change_webhook(webhook.0, |row| row.closed = true)
            }
            Kind::Abandon {
                operations,
                dropped,
            } => operations
                .iter()
                .try_for_each(|operation| self.give_up(*operation, *dropped)),
            kind if kind.completes() => self.open(number, operation, time),
            _ => Ok(()),
        }
    }

    fn open(
        &mut self,
        number: OperationNumber,
        operation: &Operation,
        issued: Time,
    ) -> Result<(), ReadError> {
        let run = self.edit.run.0;
        let row = Open {
            step: operation.step.clone(),
            kind: operation.kind.clone(),
            issued,
            abandoned: false,
        };
        let deadline = row.kind.deadline(issued);
        if let Some(deadline) = deadline {
            self.tables.timers.insert((deadline.0, run, number.0), ())?;
        }
        match &row.kind {
            Kind::WaitForWebhook { webhook, .. } => {
                self.change_webhook(webhook.0, |row| row.waits += 1)?;
            }
            Kind::WaitForEvent { event, .. } => {
                let wait = EventWait {
                    since: self.sequence,
                    waiting: Waiting { issued, deadline },
                };
                let key = (event.as_str(), run, number.0);
                event_waits::TABLE.put(&mut self.tables.event_waits, key, &wait)?;
                self.change_mailbox(event, |row| row.waits += 1)?;
            }
            _ => {}
        }
        self.edit.add_open(self.tables, number, row)
    }

    fn give_up(&mut self, operation: OperationNumber, dropped: bool) -> Result<(), ReadError> {
        if dropped {
            return self.close(operation);
        }
        let Some(mut row) = self.edit.open(self.tables, operation)? else {
            return Ok(());
        };
        self.quiet(operation, &row)?;
        self.edit.count(false, true);
        row.abandoned = true;
        self.edit.replace_open(self.tables, operation, row)
    }

    fn change_webhook(
        &mut self,
        number: u32,
        change: impl FnOnce(&mut Webhook),
    ) -> Result<(), ReadError> {
        let Some(mut row) = self.edit.webhook(self.tables, number)? else {
            return Ok(());
        };
        let was_ready = row.is_ready();
        change(&mut row);
        self.edit.put_webhook(self.tables, number, was_ready, row)
    }

    fn change_mailbox(
        &mut self,
        event: &str,
        change: impl FnOnce(&mut mailboxes::Mailbox),
    ) -> Result<(), ReadError> {
        let key = (self.edit.run.0, event);
        let mut row = mailboxes::TABLE
            .get(&self.tables.mailboxes, key)?
            .unwrap_or_default();
        let was_ready = row.is_ready();
        change(&mut row);
        self.edit.put_mailbox(self.tables, event, was_ready, &row)
    }

    fn end(&mut self, end: &End, retention: u64) -> Result<(), ReadError> {
        match end {
            // What it gave is in the journal's last record.
            End::Completed(_) => drop(self.edit.transition(Transition::Completed)),
            End::Failed { failure, backtrace } => {
                self.edit.state.backtrace.clone_from(backtrace);
                self.edit.state.failure = Some(failure.clone());
                let _ = self.edit.transition(Transition::Failed);
            }
        }
        clear(self.tables, self.edit, self.now, retention)
    }
}

/// Whether a run waits for this operation: one that was made and given up in the same activation has nothing to come
/// back.
pub(super) fn is_waited_for(
    tables: &Tables<'_>,
    edit: &Edit,
    operation: OperationNumber,
) -> Result<bool, ReadError> {
    let row = edit.open(tables, operation)?;
    Ok(row.is_some_and(|row| !row.abandoned))
}

/// Removes all by which an ended run could go on, counts what it leaves untaken, and sets the day of its removal.
pub(super) fn clear(
    tables: &mut Tables<'_>,
    edit: &mut Edit,
    now: Time,
    retention: u64,
) -> Result<(), ReadError> {
    let run = edit.run.0;
    for (number, row) in edit.all_open(tables)? {
        edit.take_open(tables, OperationNumber(number))?;
        if let Some(deadline) = row.kind.deadline(row.issued) {
            tables.timers.remove((deadline.0, run, number))?;
        }
        if let Kind::WaitForEvent { event, .. } = &row.kind {
            tables.event_waits.remove((event.as_str(), run, number))?;
        }
        tables.calls.remove((run, number))?;
        tables.results.remove((run, number))?;
    }
    edit.state.untaken = untaken(tables, edit)?;
    edit.state.ready = 0;
    edit.state.ended = Some(now);
    tables.expiries.insert(
        (
            now.after(retention).0,
            Expiring::Run(edit.run).to_key().as_slice(),
        ),
        (),
    )?;
    Ok(())
}

fn untaken(tables: &Tables<'_>, edit: &Edit) -> Result<u64, ReadError> {
    let webhooks = edit.all_webhooks(tables)?;
    let mut untaken = webhooks.iter().map(|(_, row)| u64::from(row.queued)).sum();
    let run = edit.run.0;
    for item in tables.mailboxes.range((run, "")..)? {
        let (key, value) = item?;
        if key.value().0 != run {
            break;
        }
        untaken += u64::from(mailboxes::TABLE.decode(value.value())?.queued);
    }
    Ok(untaken)
}
