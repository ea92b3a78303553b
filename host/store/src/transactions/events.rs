//! Events: sent to all who wait, or to one run.
//!
//! An event to all is decided in one transaction: it reaches every wait that was committed before and has not
//! completed. Few waiters are served in that transaction. Many are served in batches, from a stored cursor, so that no
//! transaction grows with their number. The decision stands all the same, since each wait carries the sequence at
//! which it was made, and a wait cannot time out while an event that it is to get is under way.

use std::ops::Bound;

use dormouse_journal::{OperationNumber, Outcome, Payload, RunId, Time, Waiting};
use redb::ReadableTable;

use crate::group::{Transaction, Write};
use crate::tables::broadcasts::{self, Broadcast};
use crate::tables::event_waits::{self, EventWait};
use crate::tables::mail::{self, Mail};
use crate::tables::results::{self, Arrived};
use crate::tables::{Tables, mailboxes};
use crate::transactions::activate::{NewNotify, NotifyTarget};
use crate::transactions::edit::{Edit, Edits};
use crate::{ReadError, Store, WriteError};

/// How many waiters one transaction serves. Some 256 rows cost about what their sync does.
const BATCH: usize = 256;

/// Whom an event has reached so far.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// Runs that have something to do now.
    pub(crate) woken: Vec<RunId>,
    /// Whether more are to be served.
    pub(crate) more: bool,
}

/// How much may lie in a run's inbox for one event.
#[derive(Debug, Clone, Copy)]
pub struct MailLimits {
    /// How many events.
    pub queued: u32,
    /// How many bytes.
    pub bytes: u64,
}

/// Sends what an activation sends. Gives how many waits it reaches.
pub(crate) fn send(
    write: &mut Write<'_>,
    sequence: u64,
    notify: &NewNotify,
    limits: MailLimits,
    reached: &mut Reached,
) -> Result<u32, ReadError> {
    match notify.to {
        NotifyTarget::Everyone => {
            let waits = send_to_all(write, sequence, &notify.event, &notify.payload, reached)?;
            Ok(u32::try_from(waits.len()).unwrap_or(u32::MAX))
        }
        NotifyTarget::Run(run) => {
            let aimed = Aimed {
                run,
                event: &notify.event,
                payload: &notify.payload,
                limits,
            };
            let queued = aimed.deliver(write)? == AimedNotified::Queued;
            if queued {
                reached.woken.push(run);
            }
            Ok(u32::from(queued))
        }
        NotifyTarget::Nobody => Ok(0),
    }
}

/// Sends to every wait made before `sequence`; gives those waits.
fn send_to_all(
    write: &mut Write<'_>,
    sequence: u64,
    event: &str,
    payload: &Payload,
    reached: &mut Reached,
) -> Result<Vec<Waiter>, ReadError> {
    let mut waits = Vec::new();
    let mut queue_behind = false;
    for item in write.tables.broadcasts.iter()? {
        queue_behind |= broadcasts::TABLE.decode(item?.1.value())?.event == event;
    }
    for (waiter, wait) in waiters(&write.tables, event, None, usize::MAX)? {
        let due = reaches(&wait, sequence, write.now);
        if due
            && !(queue_behind
                && is_underway(&write.tables, event, waiter.0, waiter.1, wait.waiting)?)
        {
            waits.push(waiter);
        }
    }
    if waits.len() <= BATCH && !queue_behind {
        for waiter in &waits {
            serve(
                &mut write.tables,
                &mut write.edits,
                event,
                *waiter,
                write.now,
                payload,
                reached,
            )?;
        }
    } else if !waits.is_empty() {
        let row = Broadcast {
            event: event.into(),
            payload: payload.clone(),
            accepted: write.now,
            cursor: None,
        };
        broadcasts::TABLE.put(&mut write.tables.broadcasts, sequence, &row)?;
        reached.more = true;
    }
    Ok(waits)
}

type Waiter = (RunId, OperationNumber);

/// Who waits for an event, after the waiter given, and no more than `limit` of them.
fn waiters(
    tables: &Tables<'_>,
    event: &str,
    after: Option<Waiter>,
    limit: usize,
) -> Result<Vec<(Waiter, EventWait)>, ReadError> {
    let start = match after {
        Some((run, operation)) => Bound::Excluded((event, run.0, operation.0)),
        None => Bound::Included((event, [0; 16], 0)),
    };
    let end = Bound::Included((event, [0xff; 16], u32::MAX));
    let mut found = Vec::new();
    for item in tables
        .event_waits
        .range::<(&str, [u8; 16], u32)>((start, end))?
        .take(limit)
    {
        let (key, value) = item?;
        let (_, run, operation) = key.value();
        found.push((
            (RunId(run), OperationNumber(operation)),
            event_waits::TABLE.decode(value.value())?,
        ));
    }
    Ok(found)
}

/// Whether an event decided at this sequence and time reaches a wait.
fn reaches(wait: &EventWait, sequence: u64, accepted: Time) -> bool {
    wait.since < sequence
        && wait
            .waiting
            .deadline
            .is_none_or(|deadline| accepted < deadline)
}

fn serve(
    tables: &mut Tables<'_>,
    edits: &mut Edits,
    event: &str,
    (run, operation): Waiter,
    accepted: Time,
    payload: &Payload,
    reached: &mut Reached,
) -> Result<(), ReadError> {
    let Some(edit) = edits.load(tables, run)? else {
        return Ok(());
    };
    tables.event_waits.remove((event, run.0, operation.0))?;
    // This wait is spoken for: an event aimed at the run goes to its next one.
    let mut mailbox = mailboxes::TABLE
        .get(&tables.mailboxes, (run.0, event))?
        .unwrap_or_default();
    let was_ready = mailbox.is_ready();
    mailbox.waits = mailbox.waits.saturating_sub(1);
    edit.put_mailbox(tables, event, was_ready, &mailbox)?;
    put_result(
        tables,
        edit,
        operation,
        accepted,
        Outcome::Event(Some(payload.clone())),
    )?;
    reached.woken.push(run);
    Ok(())
}

/// Whether an event that was decided already will reach this wait when its batch is served.
pub(crate) fn is_underway(
    tables: &Tables<'_>,
    event: &str,
    run: RunId,
    operation: OperationNumber,
    waiting: Waiting,
) -> Result<bool, ReadError> {
    let key = (event, run.0, operation.0);
    let Some(wait) = event_waits::TABLE.get(&tables.event_waits, key)? else {
        return Ok(false);
    };
    debug_assert_eq!(wait.waiting, waiting);
    for item in tables.broadcasts.iter()? {
        let (sequence, value) = item?;
        let row = broadcasts::TABLE.decode(value.value())?;
        let ahead = row.cursor.is_none_or(|cursor| cursor < (run, operation));
        if row.event == event && ahead && reaches(&wait, sequence.value(), row.accepted) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts down what has arrived for one operation.
pub(crate) fn put_result(
    tables: &mut Tables<'_>,
    edit: &mut Edit,
    operation: OperationNumber,
    accepted: Time,
    outcome: Outcome,
) -> Result<(), ReadError> {
    let key = (edit.run.0, operation.0);
    let existed = tables.results.get(key)?.is_some();
    edit.count(existed, true);
    results::TABLE.put(&mut tables.results, key, &Arrived { accepted, outcome })
}

/// What came of an event aimed at one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AimedNotified {
    /// It lies in the run's inbox.
    Queued,
    /// The run has ended.
    Ended,
    /// The inbox is full.
    Full,
    /// There is no such run.
    Unknown,
}

struct Aimed<'a> {
    run: RunId,
    event: &'a str,
    payload: &'a Payload,
    limits: MailLimits,
}

impl Aimed<'_> {
    fn deliver(&self, write: &mut Write<'_>) -> Result<AimedNotified, ReadError> {
        let now = write.now;
        let tables = &mut write.tables;
        let Some(edit) = write.edits.load(tables, self.run)? else {
            return Ok(AimedNotified::Unknown);
        };
        if edit.state.status.has_ended() {
            return Ok(AimedNotified::Ended);
        }
        let mut mailbox = mailboxes::TABLE
            .get(&tables.mailboxes, (self.run.0, self.event))?
            .unwrap_or_default();
        let size = self.payload.body.len() as u64;
        if mailbox.queued >= self.limits.queued
            || mailbox.queued_bytes.saturating_add(size) > self.limits.bytes
        {
            return Ok(AimedNotified::Full);
        }
        let was_ready = mailbox.is_ready();
        let row = Mail {
            accepted: now,
            payload: self.payload.clone(),
        };
        mail::TABLE.put(
            &mut tables.mail,
            (self.run.0, self.event, mailbox.next_place),
            &row,
        )?;
        mailbox.next_place += 1;
        mailbox.queued += 1;
        mailbox.queued_bytes += size;
        edit.put_mailbox(tables, self.event, was_ready, &mailbox)?;
        Ok(AimedNotified::Queued)
    }
}

struct Notify {
    event: String,
    payload: Payload,
}

/// What an event sent to all has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notified {
    /// Every run that it reaches, each once.
    pub runs: Vec<RunId>,
    /// Those that have something to do now.
    pub woken: Vec<RunId>,
    /// Whether the others are to be served by [`Store::serve_events`].
    pub broadcasting: bool,
}

impl Transaction for Notify {
    type Output = Notified;

    fn apply(&self, write: &mut Write<'_>) -> Result<Notified, ReadError> {
        let mut reached = Reached::default();
        let sequence = write.next_sequence();
        let waits = send_to_all(write, sequence, &self.event, &self.payload, &mut reached)?;
        // Waiters come in the order of their runs.
        let mut runs: Vec<RunId> = waits.into_iter().map(|(run, _)| run).collect();
        runs.dedup();
        Ok(Notified {
            runs,
            woken: reached.woken,
            broadcasting: reached.more,
        })
    }
}

struct NotifyRun {
    run: RunId,
    event: String,
    payload: Payload,
    limits: MailLimits,
}

impl Transaction for NotifyRun {
    type Output = AimedNotified;

    fn apply(&self, write: &mut Write<'_>) -> Result<AimedNotified, ReadError> {
        let aimed = Aimed {
            run: self.run,
            event: &self.event,
            payload: &self.payload,
            limits: self.limits,
        };
        let notified = aimed.deliver(write)?;
        Ok(notified)
    }
}

struct ServeEvents;

/// What serving a batch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Runs that have something to do now.
    pub woken: Vec<RunId>,
    /// Whether there is more to serve.
    pub more: bool,
}

impl Transaction for ServeEvents {
    type Output = Served;

    fn apply(&self, write: &mut Write<'_>) -> Result<Served, ReadError> {
        let first = match write.tables.broadcasts.first()? {
            Some((sequence, row)) => (sequence.value(), broadcasts::TABLE.decode(row.value())?),
            None => {
                return Ok(Served {
                    woken: Vec::new(),
                    more: false,
                });
            }
        };
        let (sequence, mut row) = first;
        let mut reached = Reached::default();
        let batch = waiters(&write.tables, &row.event, row.cursor, BATCH)?;
        for (waiter, wait) in &batch {
            if reaches(wait, sequence, row.accepted) {
                let (event, payload) = (&row.event, &row.payload);
                serve(
                    &mut write.tables,
                    &mut write.edits,
                    event,
                    *waiter,
                    row.accepted,
                    payload,
                    &mut reached,
                )?;
            }
        }
        if batch.len() == BATCH {
            row.cursor = batch.last().map(|(waiter, _)| *waiter);
            broadcasts::TABLE.put(&mut write.tables.broadcasts, sequence, &row)?;
        } else {
            write.tables.broadcasts.remove(sequence)?;
        }
        let more = write.tables.broadcasts.first()?.is_some();
        Ok(Served {
            woken: reached.woken,
            more,
        })
    }
}

impl Store {
    /// Sends an event to all who wait for it.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn notify(&self, event: String, payload: Payload) -> Result<Notified, WriteError> {
        self.write(Notify { event, payload }).await
    }

    /// Sends an event to one run.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn notify_run(
        &self,
        run: RunId,
        event: String,
        payload: Payload,
        limits: MailLimits,
    ) -> Result<AimedNotified, WriteError> {
        self.write(NotifyRun {
            run,
            event,
            payload,
            limits,
        })
        .await
    }

    /// Serves the next batch of waiters of events that are under way.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn serve_events(&self) -> Result<Served, WriteError> {
        self.write(ServeEvents).await
    }
}
