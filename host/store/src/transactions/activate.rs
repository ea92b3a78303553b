//! Committing activations: everything that they decided, at once.

use std::collections::BTreeMap;

use dormouse_journal::{
    Activation, Channel, End, Kind, LogLine, Open, Operation, OperationNumber, Outcome, Payload,
    RunId, Source, Status, Time, Transition, Waiting, encode,
};
use redb::ReadableTable;

use crate::tables::event_waits::EventWait;
use crate::tables::expiries::Expiring;
use crate::tables::{
    Attempts, Call, Tables, Webhook, calls, event_waits, inbox, journal, logs, mail, mailboxes,
    open, outputs, results, webhooks,
};
use crate::transactions::accept::request_size;
use crate::transactions::edit::{Edit, Edits};
use crate::transactions::events::{self, MailLimits, Reached};
use crate::writer::{Transaction, Write};
use crate::{ReadError, Store, WriteError};

/// Activations to be appended to a run's journal.
#[derive(Debug)]
pub(crate) struct Activate {
    run: RunId,
    first: u32,
    steps: Vec<Step>,
    retention: u64,
    mail: MailLimits,
}

/// One activation, and what does not lie in its record.
#[derive(Debug)]
pub struct Step {
    /// The record.
    pub activation: Activation,
    /// Where its completion came from. None for the first activation.
    pub source: Option<Source>,
    /// The calls that it made.
    pub calls: Vec<NewCall>,
    /// The events that it sent.
    pub notifies: Vec<NewNotify>,
    /// What it logged.
    pub logs: Vec<LogLine>,
}

/// A call made by an activation.
#[derive(Debug)]
pub struct NewCall {
    /// Which operation.
    pub operation: OperationNumber,
    /// The call. When its first attempt is made is set by the commit.
    pub call: Call,
}

/// An event sent by an activation.
#[derive(Debug)]
pub struct NewNotify {
    /// Which operation.
    pub operation: OperationNumber,
    /// Its name.
    pub event: String,
    /// To this run only; none if the text given was no run's id, so that it reaches nobody.
    pub to: NotifyTarget,
    /// What is sent.
    pub payload: Payload,
}

/// Whom an event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyTarget {
    /// All who wait.
    Everyone,
    /// One run.
    Run(RunId),
    /// A text that is no run's id.
    Nobody,
}

/// What a commit of activations did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    /// Where the run stands now.
    pub status: Status,
    /// Whether it has something to do already.
    pub due: bool,
    /// When it was committed; the first attempts of its calls are due.
    pub time: Time,
    /// Runs that have something to do now because of an event.
    pub woken: Vec<RunId>,
    /// Whether an event has more waiters than were served.
    pub broadcasting: bool,
    /// How large the journal is now.
    pub journal_bytes: u64,
}

/// Why activations were not committed. Nothing of them was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The run has ended: it was cancelled meanwhile.
    Ended,
    /// The run is blocked.
    Blocked,
    /// The journal is not where these activations begin.
    Moved,
    /// A deadline was about to pass, but something accepted before it has arrived meanwhile.
    Stale,
    /// A deadline was about to pass, but an event accepted before it is on its way. The run is woken when it comes.
    EventUnderway,
}

impl Transaction for Activate {
    type Output = Result<Activated, Refused>;

    fn apply(&self, write: &mut Write<'_>) -> Result<Self::Output, ReadError> {
        let mut edits = Edits::default();
        let Some(edit) = edits.load(&write.tables, self.run)? else {
            return Ok(Err(Refused::Ended));
        };
        if let Some(refused) = self.refuse(edit, &write.tables)? {
            return Ok(Err(refused));
        }
        let sequence = write.next_sequence();
        let mut reached = Reached::default();
        for (index, step) in (self.first..).zip(&self.steps) {
            let Some(edit) = edits.load(&write.tables, self.run)? else {
                continue;
            };
            let mut commit = Commit {
                edit,
                now: write.now,
                sequence,
                tables: &mut write.tables,
            };
            commit.step(index, step, self.retention)?;
            if step.activation.end.is_none() {
                self.notify(write, &mut edits, sequence, step, &mut reached)?;
            }
        }
        let Some(edit) = edits.load(&write.tables, self.run)? else {
            return Ok(Err(Refused::Ended));
        };
        if !edit.state.status.has_ended() {
            let host_works = has_host_work(&write.tables, self.run)?;
            // A run that is neither blocked nor ended can always be activated: refuse() saw to it.
            let _ = edit.transition(Transition::Activated { host_works });
        }
        let activated = Activated {
            status: edit.state.status,
            due: edit.state.is_due(),
            time: write.now,
            woken: reached.woken,
            broadcasting: reached.more,
            journal_bytes: edit.state.journal_bytes,
        };
        edits.save(&mut write.tables)?;
        Ok(Ok(activated))
    }
}

impl Activate {
    /// Sends what a step sends, in the sequence of this very commit, so that it does not reach waits made in it.
    fn notify(
        &self,
        write: &mut Write<'_>,
        edits: &mut Edits,
        sequence: u64,
        step: &Step,
        reached: &mut Reached,
    ) -> Result<(), ReadError> {
        for notify in &step.notifies {
            let count = events::send(write, edits, sequence, notify, self.mail, reached)?;
            if let Some(edit) = edits.load(&write.tables, self.run)? {
                let outcome = Outcome::Notified(count);
                events::put_result(
                    &mut write.tables,
                    edit,
                    notify.operation,
                    write.now,
                    outcome,
                )?;
            }
        }
        Ok(())
    }

    /// Checks everything before anything is written.
    fn refuse(&self, edit: &Edit, tables: &Tables<'_>) -> Result<Option<Refused>, ReadError> {
        let state = &edit.state;
        if state.status.has_ended() {
            return Ok(Some(Refused::Ended));
        }
        if state.status == Status::Blocked {
            return Ok(Some(Refused::Blocked));
        }
        if state.activations != self.first {
            return Ok(Some(Refused::Moved));
        }
        // What earlier steps of this commit take is gone for the later ones.
        let mut taken: BTreeMap<Channel, u64> = BTreeMap::new();
        for step in &self.steps {
            let operation = step
                .activation
                .completion
                .as_ref()
                .map(|completion| completion.operation);
            match (&step.source, operation) {
                (Some(Source::Arrival { channel, place }), _) => {
                    taken.insert(channel.clone(), place + 1);
                }
                (Some(Source::Deadline), Some(operation)) => {
                    if let Some(refused) = self.refuse_deadline(tables, operation, &taken)? {
                        return Ok(Some(refused));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// A wait ends with none only after everything accepted before its deadline was handed out.
    fn refuse_deadline(
        &self,
        tables: &Tables<'_>,
        operation: OperationNumber,
        taken: &BTreeMap<Channel, u64>,
    ) -> Result<Option<Refused>, ReadError> {
        let run = self.run.0;
        // One that is not in the table was made by an earlier step of this commit, when nothing could have arrived
        // that the runner did not see.
        let Some(row) = open::TABLE.get(&tables.open, (run, operation.0))? else {
            return Ok(None);
        };
        let waiting = row.waiting();
        let head = match &row.kind {
            Kind::WaitForWebhook { webhook, .. } => {
                let from = taken.get(&Channel::Webhook(*webhook)).copied().unwrap_or(0);
                let mut range = tables
                    .inbox
                    .range((run, webhook.0, from)..=(run, webhook.0, u64::MAX))?;
                match range.next() {
                    Some(item) => Some(inbox::TABLE.decode(item?.1.value())?.accepted),
                    None => None,
                }
            }
            Kind::WaitForEvent { event, .. } => {
                if results::TABLE
                    .get(&tables.results, (run, operation.0))?
                    .is_some()
                {
                    return Ok(Some(Refused::Stale));
                }
                if events::is_underway(tables, event, self.run, operation, waiting)? {
                    return Ok(Some(Refused::EventUnderway));
                }
                let from = taken
                    .get(&Channel::Event(event.clone()))
                    .copied()
                    .unwrap_or(0);
                let range = (run, event.as_str(), from)..=(run, event.as_str(), u64::MAX);
                match tables.mail.range(range)?.next() {
                    Some(item) => Some(mail::TABLE.decode(item?.1.value())?.accepted),
                    None => None,
                }
            }
            _ => None,
        };
        Ok(head
            .is_some_and(|accepted| waiting.takes(accepted))
            .then_some(Refused::Stale))
    }
}

/// Writes what activations decided.
struct Commit<'a, 't> {
    edit: &'a mut Edit,
    now: Time,
    sequence: u64,
    tables: &'a mut Tables<'t>,
}

impl Commit<'_, '_> {
    fn step(&mut self, index: u32, step: &Step, retention: u64) -> Result<(), ReadError> {
        let run = self.edit.run.0;
        let record = encode(&step.activation);
        self.tables
            .journal
            .insert((run, journal::GENERATION, index), record.as_slice())?;
        for (place, line) in (0..).zip(&step.logs) {
            logs::TABLE.put(&mut self.tables.logs, (run, index, place), line)?;
            self.edit.state.log_bytes += line.message.len() as u64;
        }
        if let (Some(completion), Some(source)) = (&step.activation.completion, &step.source) {
            if let Source::Arrival { channel, place } = source {
                self.take(channel, *place)?;
            }
            self.close(completion.operation, matches!(source, Source::Abandoned))?;
        }
        let state = &mut self.edit.state;
        let first = state.operations;
        state.activations = index + 1;
        state.operations += u32::try_from(step.activation.operations.len()).unwrap_or(u32::MAX);
        state.journal_bytes += record.len() as u64;
        state.time = step.activation.time;
        if let Some(end) = &step.activation.end {
            // What an ending activation decided besides its end is shown in the journal and never performed.
            return self.end(end, retention);
        }
        for (number, operation) in (first..).zip(&step.activation.operations) {
            self.perform(OperationNumber(number), operation, step.activation.time)?;
        }
        for call in &step.calls {
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

    /// Removes what was delivered from where it lay.
    fn take(&mut self, channel: &Channel, place: u64) -> Result<(), ReadError> {
        let run = self.edit.run.0;
        match channel {
            Channel::Webhook(webhook) => {
                let Some(removed) = self.tables.inbox.remove((run, webhook.0, place))? else {
                    return Ok(());
                };
                let size = request_size(&inbox::TABLE.decode(removed.value())?.request);
                drop(removed);
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
    fn close(&mut self, operation: OperationNumber, was_abandoned: bool) -> Result<(), ReadError> {
        let run = self.edit.run.0;
        let Some(removed) = self.tables.open.remove((run, operation.0))? else {
            return Ok(());
        };
        let row: Open = open::TABLE.decode(removed.value())?;
        drop(removed);
        if was_abandoned {
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
        let run = self.edit.run.0;
        match &operation.kind {
            Kind::CreateWebhook {
                webhook,
                url,
                options,
            } => {
                let row = Webhook {
                    step: operation.step.clone(),
                    url: url.clone(),
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
                webhooks::TABLE.put(&mut self.tables.webhooks, (run, webhook.0), &row)
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
            // Answering a caller belongs to replies from the workflow, which the engine does not offer yet.
            Kind::Respond { .. } | Kind::Begin { .. } => Ok(()),
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
                self.change_webhook(webhook.0, |row| row.waits += 1)?
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
        open::TABLE.put(&mut self.tables.open, (run, number.0), &row)
    }

    fn give_up(&mut self, operation: OperationNumber, dropped: bool) -> Result<(), ReadError> {
        if dropped {
            return self.close(operation, false);
        }
        let key = (self.edit.run.0, operation.0);
        let Some(row) = open::TABLE.get(&self.tables.open, key)? else {
            return Ok(());
        };
        self.quiet(operation, &row)?;
        self.edit.count(false, true);
        open::TABLE.put(
            &mut self.tables.open,
            key,
            &Open {
                abandoned: true,
                ..row
            },
        )
    }

    fn change_webhook(
        &mut self,
        number: u32,
        change: impl FnOnce(&mut Webhook),
    ) -> Result<(), ReadError> {
        let key = (self.edit.run.0, number);
        let Some(mut row) = webhooks::TABLE.get(&self.tables.webhooks, key)? else {
            return Ok(());
        };
        let was_ready = row.is_ready();
        change(&mut row);
        self.edit.put_webhook(self.tables, number, was_ready, &row)
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
            End::Completed(output) => {
                outputs::TABLE.put(&mut self.tables.outputs, self.edit.run.0, output)?;
                let _ = self.edit.transition(Transition::Completed);
            }
            End::Failed { failure, backtrace } => {
                self.edit.state.backtrace.clone_from(backtrace);
                self.edit.state.failure = Some(failure.clone());
                let _ = self.edit.transition(Transition::Failed);
            }
        }
        clear(self.tables, self.edit, self.now, retention)
    }
}

/// Removes all by which an ended run could go on, counts what it leaves untaken, and sets the day of its removal.
pub(crate) fn clear(
    tables: &mut Tables<'_>,
    edit: &mut Edit,
    now: Time,
    retention: u64,
) -> Result<(), ReadError> {
    let run = edit.run.0;
    let mut waiting = Vec::new();
    for item in tables.open.range((run, 0)..=(run, u32::MAX))? {
        let (key, value) = item?;
        waiting.push((key.value().1, open::TABLE.decode(value.value())?));
    }
    for (number, row) in waiting {
        tables.open.remove((run, number))?;
        if let Some(deadline) = row.kind.deadline(row.issued) {
            tables.timers.remove((deadline.0, run, number))?;
        }
        if let Kind::WaitForEvent { event, .. } = &row.kind {
            tables.event_waits.remove((event.as_str(), run, number))?;
        }
        tables.calls.remove((run, number))?;
        tables.results.remove((run, number))?;
    }
    edit.state.untaken = untaken(tables, edit.run)?;
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

fn untaken(tables: &Tables<'_>, run: RunId) -> Result<u64, ReadError> {
    let mut untaken = 0;
    for item in tables.webhooks.range((run.0, 0)..=(run.0, u32::MAX))? {
        untaken += u64::from(webhooks::TABLE.decode(item?.1.value())?.queued);
    }
    for item in tables.mailboxes.range((run.0, "")..)? {
        let (key, value) = item?;
        if key.value().0 != run.0 {
            break;
        }
        untaken += u64::from(mailboxes::TABLE.decode(value.value())?.queued);
    }
    Ok(untaken)
}

/// Whether something is outstanding that is the host's to do.
fn has_host_work(tables: &Tables<'_>, run: RunId) -> Result<bool, ReadError> {
    let calls = tables
        .calls
        .range((run.0, 0)..=(run.0, u32::MAX))?
        .next()
        .is_some();
    Ok(calls
        || tables
            .results
            .range((run.0, 0)..=(run.0, u32::MAX))?
            .next()
            .is_some())
}

impl Store {
    /// Appends activations to a run's journal, `first` being the number of the first, and does in the same commit
    /// what they decided. An ended run is kept for `retention` milliseconds; events aimed at a run are kept up to the
    /// limits of `mail`.
    ///
    /// # Errors
    /// When they could not be made durable.
    pub async fn activate(
        &self,
        run: RunId,
        first: u32,
        steps: Vec<Step>,
        retention: u64,
        mail: MailLimits,
    ) -> Result<Result<Activated, Refused>, WriteError> {
        self.write(Activate {
            run,
            first,
            steps,
            retention,
            mail,
        })
        .await
    }
}
