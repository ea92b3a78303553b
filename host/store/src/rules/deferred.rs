//! Writes what was deferred of an activation (`defer.rs`) in pieces, as an order.
//!
//! The pieces follow each other without anything of the run being executed in between, and also after a crash. What the
//! activation asked of others is in the last ones. So they have the same result as one commit.

use dormouse_journal::{Kind, OperationNumber, RunId};

use super::Write;
use super::activate::{self, Sent};
use super::carried::Carried;
use super::clearing::OPERATION;
use super::mail::MailLimits;
use super::prepared::changed;
use super::run::RunWrite;
use super::{RUN, commit, family, labels, restore};
use crate::ReadError;
use crate::rows::table::decode_row;
use crate::tables::deferred::{self, CallToMake, Deferred, EventToSend, Part, SendTo};
use crate::tables::orders::{self, Deferring, DeferringStage};
use crate::tables::{Reply, TableId, logs};
use crate::views::OutstandingCall;

/// The most rows that a step writes, besides those of the run itself.
const ROWS: u64 = 90;

/// The number of bytes after which a step ends. A single part may be larger.
const BYTES: u64 = 256 << 10;

/// The number of operations that a step closes.
const CLOSED: usize = (ROWS / (OPERATION + 1)) as usize;

/// The number of webhooks that a step closes: those of a run's own row, and these.
const WEBHOOKS: usize = 64;

/// Writes what was deferred of a run's activation.
pub(super) struct DeferredWriter {
    run: RunId,
    mail: MailLimits,
    /// The row of this number, once it is read.
    read: Option<(u32, Deferred)>,
}

impl RunWrite<'_> {
    /// Returns true if something that was decided about the run is still being written in pieces: what was deferred of its
    /// last activation, a retry, or that it was taken back.
    pub(super) fn is_in_pieces(&self) -> Result<bool, ReadError> {
        orders::TABLE.has(self.rows, (self.id, orders::WRITE_DEFERRED))
    }
}

impl DeferredWriter {
    pub(super) fn new(run: RunId, mail: MailLimits) -> Self {
        DeferredWriter {
            run,
            mail,
            read: None,
        }
    }

    /// Writes the next parts. Returns their size in bytes, or none if everything is written.
    pub(super) fn step(
        &mut self,
        write: &mut Write<'_>,
        deferring: &mut Deferring,
        carried: &mut Carried,
    ) -> Result<Option<u64>, ReadError> {
        let Some(mut run) = write.run(self.run)? else {
            return Ok(None);
        };
        let is_gone = run.state().is_gone();
        match deferring.next {
            DeferringStage::Part { row, part } => {
                let Some(read) = self.read(write, row)? else {
                    if !deferring.ends_generation || is_gone {
                        return self.over(write, carried).map(|()| None);
                    }
                    deferring.next = DeferringStage::Operations;
                    return Ok(Some(0));
                };
                let (part, bytes) = self.parts(write, deferring, (&read, part), carried)?;
                if part as usize == read.parts.len() {
                    deferred::TABLE.remove(&mut write.rows, (self.run, row))?;
                    let row = row + 1;
                    deferring.next = DeferringStage::Part { row, part: 0 };
                } else {
                    deferring.next = DeferringStage::Part { row, part };
                    self.read = Some((row, read));
                }
                return Ok(Some(bytes));
            }
            DeferringStage::Operations => {
                if run.close_some(CLOSED)? {
                    deferring.next = DeferringStage::Webhooks(None);
                }
            }
            DeferringStage::Webhooks(after) => match run.close_more(after, WEBHOOKS)? {
                Some(last) => deferring.next = DeferringStage::Webhooks(Some(last)),
                None => return self.over(write, carried).map(|()| None),
            },
        }
        Ok(Some(0))
    }

    /// Returns the row of this number, if there is one.
    fn read(&mut self, write: &Write<'_>, number: u32) -> Result<Option<Deferred>, ReadError> {
        match self.read.take() {
            Some((read, row)) if read == number => Ok(Some(row)),
            _ => deferred::TABLE.get(&write.rows, (self.run, number)),
        }
    }

    /// Writes parts of a row, from this one on. Returns the part that is next, and the size of those that were written.
    fn parts(
        &self,
        write: &mut Write<'_>,
        deferring: &Deferring,
        (row, first): (&Deferred, u32),
        carried: &mut Carried,
    ) -> Result<(u32, u64), ReadError> {
        let (mut next, mut rows, mut bytes) = (first, 0, 0);
        for part in row.parts.iter().skip(first as usize) {
            let (more, size) = cost(part);
            if next > first && (rows + more > ROWS || bytes >= BYTES) {
                break;
            }
            self.part(write, deferring, part, carried)?;
            (next, rows, bytes) = (next + 1, rows + more, bytes + size);
        }
        Ok((next, bytes))
    }

    /// Writes a part. If the run was cancelled meanwhile, only what was answered and logged is written. If it has failed
    /// meanwhile, it may be retried, so everything is written, and nothing acts on it.
    fn part(
        &self,
        write: &mut Write<'_>,
        deferring: &Deferring,
        part: &Part,
        carried: &mut Carried,
    ) -> Result<(), ReadError> {
        let Some(mut run) = write.run(self.run)? else {
            return Ok(());
        };
        let is_gone = run.state().is_gone();
        match part {
            Part::Reply { delivery, row } => {
                commit::keep_reply(&mut run, delivery, row)?;
                let reply: Reply = decode_row(row).map_err(|source| ReadError::Row {
                    table: TableId::Deferred.name(),
                    source,
                })?;
                let answered = reply
                    .response
                    .map(|response| (self.run, delivery.clone(), response));
                carried.answered.extend(answered);
                Ok(())
            }
            Part::Log { place, row } => {
                logs::TABLE.put_encoded(run.rows, (self.run, deferring.activation, *place), row)
            }
            Part::Labels(set) => labels::set(run.rows, self.run, set),
            Part::Order { nth, row } if !is_gone || deferring.has_ended => {
                let key = (self.run, deferring.first_order + nth);
                orders::TABLE.put_encoded(run.rows, key, row)
            }
            _ if is_gone || deferring.has_ended => Ok(()),
            Part::Replaced(webhook) => {
                run.change_webhook(*webhook, |webhook| webhook.closed = true)
            }
            Part::Made { place, operation } => {
                let number = OperationNumber(deferring.first.0 + place);
                let time = run.state().time;
                for change in operation.changes(number, time) {
                    commit::apply(&mut run, deferring.activation, change, deferring.since)?;
                }
                if run.state().is_frozen() {
                    run.freeze_operation(number)?;
                }
                match &operation.kind {
                    Kind::WaitForRun { run: target, .. } => self.wait(write, number, target),
                    _ => Ok(()),
                }
            }
            Part::Call(call) => self.call(&mut run, call, carried),
            Part::Send(event) => self.send(write, deferring, event, carried),
            // A run that has ended orders nothing more.
            Part::Order { .. } => Ok(()),
        }
    }

    /// Makes the run wait for another one.
    fn wait(
        &self,
        write: &mut Write<'_>,
        operation: OperationNumber,
        target: &str,
    ) -> Result<(), ReadError> {
        let workflow = write.run(self.run)?.map(|run| run.state().workflow.clone());
        let asking = (self.run, workflow.as_deref().unwrap_or_default());
        family::wait(write, asking, operation, target.parse().ok()).map(drop)
    }

    fn call(
        &self,
        run: &mut RunWrite<'_>,
        call: &CallToMake,
        carried: &mut Carried,
    ) -> Result<(), ReadError> {
        if let Some((attempts, bounds)) = commit::schedule(run, call)? {
            if run.state().is_frozen() {
                return run.freeze_operation(call.operation);
            }
            carried.calls.push(OutstandingCall {
                run: self.run,
                workflow: run.state().workflow.as_str().into(),
                operation: call.operation,
                attempts,
                bounds,
            });
        }
        Ok(())
    }

    fn send(
        &self,
        write: &mut Write<'_>,
        deferring: &Deferring,
        event: &EventToSend,
        carried: &mut Carried,
    ) -> Result<(), ReadError> {
        let mut sent = Sent::default();
        let first = deferring.first_event;
        activate::send(write, self.run, event, (first, self.mail), &mut sent)?;
        carried.woken.extend(sent.woken);
        carried.broadcasting |= sent.to_all;
        match write.run(self.run)? {
            Some(mut run) => activate::tell(&mut run, sent.told),
            None => Ok(()),
        }
    }

    /// Lets the run continue, unless it has ended.
    fn over(&self, write: &mut Write<'_>, carried: &mut Carried) -> Result<(), ReadError> {
        let Some(mut run) = write.run(self.run)? else {
            return Ok(());
        };
        restore::let_continue(&mut run)?;
        if !run.state().status.has_ended() {
            carried.woken.push(self.run);
            carried.settled.push((self.run, run.state().status));
        }
        Ok(())
    }
}

/// Returns the most rows and bytes that writing a part takes.
fn cost(part: &Part) -> (u64, u64) {
    match part {
        Part::Replaced(_) => (1, 0),
        Part::Made { operation, .. } => {
            let waits = matches!(operation.kind, Kind::WaitForRun { .. });
            // A wait for a run writes its outcome, or an order and the state of the other run.
            let waited = if waits { 4 + RUN.rows } else { 0 };
            (changed(&operation.kind) + waited, 0)
        }
        Part::Labels(set) => (labels::cost(set).rows, 0),
        Part::Reply { row, .. } | Part::Log { row, .. } | Part::Order { row, .. } => {
            (1, row.len() as u64)
        }
        Part::Call(call) => (3, call.call.bytes()),
        // The event in up to four rows, and what its sender is told in up to four.
        Part::Send(event) => match event.to {
            SendTo::Run(_) => (8 + RUN.rows, event.payload.bytes()),
            SendTo::Everyone { .. } | SendTo::Nobody => (8, event.payload.bytes()),
        },
    }
}
