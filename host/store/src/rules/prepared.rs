//! An activation on its way into the store: all of it is encoded before the writer gets it, and its cost is known.

use dormouse_journal::{
    Activation, End, Kind, Labels, LogLine, NextGeneration, OperationNumber, Payload, RetryPolicy,
    RunId, Source, WebhookNumber,
};

use super::clearing::{END, OPERATION};
use super::heir::NewHeir;
use super::mail::MailLimits;
use super::new_activation::{NewActivation, NewNotify, NewOrder, NewResponse, NotifyTarget};
use super::{RUN, SMALL_ROW, events, labels, mail};
use crate::rows::Extent;
use crate::tables::apart::Apart;
use crate::tables::broadcasts::payload_size;
use crate::tables::call_requests::NewCallRows;
use crate::tables::orders::{self, Order};
use crate::tables::{Reply, generation_inputs, logs, replies, results};

/// How many rows opening an operation writes: itself, its timer, and a wait for an event with its mailbox.
const OPENED: u64 = 4;

/// How many more rows closing an operation changes than clearing it: its webhook or mailbox.
const CLOSED: u64 = OPERATION + 1;

/// How many rows taking what is delivered changes: a request in two, its webhook; or an event in two, its mailbox; or a
/// result in two, and the event in two that it may have been the last to name. What is known of an event that a trigger has
/// sent is moved from one row to another.
const TAKEN: u64 = 5;

/// How large the row of what never changes about a run is at most: it has the headers of the request that started it.
const RUN_ROW: u64 = 64 << 10;

/// An activation, encoded.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) activation: Activation,
    pub(super) record: Vec<u8>,
    /// Webhooks whose places others have taken.
    pub(super) replaced: Vec<WebhookNumber>,
    pub(super) calls: Vec<PreparedCall>,
    pub(super) sends: Vec<Send>,
    /// The rows of what is asked of other runs.
    pub(super) orders: Vec<Vec<u8>>,
    /// The waits for other runs: which of the operations each is, and the run, if the text was the id of one.
    pub(super) waits: Vec<(u32, Option<RunId>)>,
    /// Whom the workflow has answered, each with the row that keeps the answer.
    pub(super) replies: Vec<(String, Vec<u8>)>,
    /// The generation that follows, if this activation ends one.
    pub(super) next: Option<PreparedGeneration>,
    /// The rows of the log.
    pub(super) logs: Vec<Vec<u8>>,
    pub(super) logged: u64,
    pub(super) labels: Labels,
    /// How long the run may be retried if it fails in it, in milliseconds.
    pub(super) repair_within: u64,
    /// The run that may be started when this one completes.
    pub(super) heir: Option<NewHeir>,
    pub(super) cost: Extent,
}

/// A call, encoded if it is large.
#[derive(Debug)]
pub(super) struct PreparedCall {
    pub(super) operation: OperationNumber,
    pub(super) retry: RetryPolicy,
    pub(super) call: NewCallRows,
}

/// An event to be sent, encoded if it is large.
#[derive(Debug)]
pub(super) struct Send {
    pub(super) operation: OperationNumber,
    pub(super) event: String,
    pub(super) to: NotifyTarget,
    pub(super) size: u64,
    pub(super) payload: Apart<Payload>,
}

impl Prepared {
    pub(crate) fn new(new: NewActivation) -> Self {
        let waits = match new.next {
            None => waits(&new.activation),
            Some(_) => Vec::new(),
        };
        let mut prepared = Prepared {
            record: new.activation.encode(),
            activation: new.activation,
            replaced: new.replaced,
            calls: new.calls.into_iter().map(call).collect(),
            sends: new.notifies.into_iter().map(send).collect(),
            orders: new.orders.into_iter().map(order).collect(),
            waits,
            replies: new.responses.into_iter().map(reply).collect(),
            next: new
                .next
                .map(|new| PreparedGeneration::new(new.next, new.outstanding)),
            logs: new.logs.iter().map(log).collect(),
            logged: new.logged,
            labels: new.labels,
            repair_within: new.repair_within,
            heir: new.heir,
            cost: Extent::default(),
        };
        prepared.cost = prepared.cost();
        prepared
    }

    /// Returns where its completion came from.
    pub(super) fn source(&self) -> Option<&Source> {
        let origin = self.activation.origin.as_ref();
        origin.map(|origin| &origin.source)
    }

    /// Returns true if it sends an event, waits for a run or may start the next one of its key, and so may touch other runs.
    pub(super) fn touches_others(&self) -> bool {
        !self.sends.is_empty() || !self.waits.is_empty() || self.heir.is_some()
    }

    /// Returns what committing it writes at most. Most of the rows are those of the operations that it opens and closes,
    /// of which a run may have as many at once as `outstanding-limit` says: one that has more than a group has room for
    /// is in a group of its own.
    fn cost(&self) -> Extent {
        let operations = self.activation.operations.iter();
        let changed: u64 = operations.map(|operation| changed(&operation.kind)).sum();
        let sum = |rows: &mut dyn Iterator<Item = usize>| rows.sum::<usize>() as u64;
        let calls = self.calls.iter().map(|call| call.call.bytes() + SMALL_ROW);
        let replies = sum(&mut self.replies.iter().map(|(_, row)| row.len()));
        let logs = sum(&mut self.logs.iter().map(Vec::len));
        let sends = self.sends.iter().map(|send| match send.to {
            NotifyTarget::Everyone => events::cost(&send.payload),
            NotifyTarget::Run(_) => RUN.and(mail::cost(&send.payload)),
            NotifyTarget::Nobody => Extent::default(),
        });
        let told = 4 * self.sends.len() as u64;
        let sends = sends.fold(Extent::new(told, told * SMALL_ROW), Extent::and);
        let waits = self.waits.len() as u64;
        let waits = Extent::new(3 * waits, waits * 4 * SMALL_ROW);
        let orders = Extent::new(
            self.orders.len() as u64,
            sum(&mut self.orders.iter().map(Vec::len)),
        );
        let rows = 1 + TAKEN + CLOSED + changed + 3 * self.calls.len() as u64;
        let rows = rows + self.replies.len() as u64 + self.logs.len() as u64;
        let rows = rows + self.replaced.len() as u64;
        // An operation that is open repeats what the record says of it, and a failure is in the run's row as well.
        let record = self.record.len() as u64;
        let delivered = self.activation.completion.as_ref();
        let delivered = delivered.map_or(0, |delivered| results::size(&delivered.outcome)) as u64;
        let repeated = record.saturating_sub(delivered) + changed * SMALL_ROW;
        let bytes = record + repeated + calls.sum::<u64>() + replies + logs;
        let next = self.next.as_ref().map(PreparedGeneration::cost);
        let activation = Extent::new(rows, bytes)
            .and(next.unwrap_or_default())
            .and(sends)
            .and(orders)
            .and(waits)
            .and(labels::cost(&self.labels))
            .and(self.heir.as_ref().map(NewHeir::cost).unwrap_or_default())
            .and(RUN);
        match &self.activation.end {
            None => activation,
            Some(End::Completed(_)) => activation.and(END),
            Some(End::Failed { .. }) => activation.and(END).and(Extent::new(0, record)),
        }
    }
}

/// The next generation of a run, with its input encoded.
#[derive(Debug)]
pub(crate) struct PreparedGeneration {
    pub(super) next: NextGeneration,
    /// How many operations are open at most when the old one ends.
    outstanding: u64,
    pub(super) input: Vec<u8>,
}

impl PreparedGeneration {
    fn new(mut next: NextGeneration, outstanding: u64) -> Self {
        let input = std::mem::take(&mut next.input);
        PreparedGeneration {
            next,
            outstanding,
            input: generation_inputs::TABLE.encode(&input),
        }
    }

    /// Returns what beginning it writes at most: every operation that is open is closed, and every webhook that is not kept.
    fn cost(&self) -> Extent {
        let webhooks = u64::from(self.next.webhooks);
        let kept = self.next.keep.len() as u64 * SMALL_ROW;
        let rows = (OPERATION + 1) * self.outstanding + webhooks + 4;
        let bytes = self.input.len() as u64 + kept + RUN_ROW;
        Extent::new(rows, bytes + rows * SMALL_ROW)
    }
}

/// Returns how many rows an operation changes when it is made.
fn changed(kind: &Kind) -> u64 {
    match kind {
        Kind::Abandon { operations, .. } => (CLOSED + 1) * operations.len() as u64,
        Kind::CreateWebhook { .. } | Kind::CloseWebhook { .. } => 1,
        _ => OPENED,
    }
}

fn call(new: super::NewCall) -> PreparedCall {
    PreparedCall {
        operation: new.operation,
        retry: new.call.retry,
        call: NewCallRows::new(new.call),
    }
}

fn order(new: NewOrder) -> Vec<u8> {
    orders::TABLE.encode(&match new {
        NewOrder::Start(child, none) if none.is_empty() => Order::Start(child),
        NewOrder::Start(child, headers) => Order::StartWith { child, headers },
        NewOrder::Cancel {
            operation,
            run,
            options,
        } => Order::Cancel {
            operation,
            run,
            options,
        },
    })
}

/// Returns the waits for other runs that an activation made.
fn waits(activation: &Activation) -> Vec<(u32, Option<RunId>)> {
    if activation.end.is_some() {
        return Vec::new();
    }
    let made = (0..).zip(&activation.operations);
    let waits = made.filter_map(|(place, operation)| match &operation.kind {
        Kind::WaitForRun { run, .. } => Some((place, run.parse().ok())),
        _ => None,
    });
    waits.collect()
}

fn send(new: NewNotify) -> Send {
    Send {
        operation: new.operation,
        event: new.event,
        to: new.to,
        size: new.payload.body.len() as u64,
        payload: Apart::new(payload_size(&new.payload), new.payload),
    }
}

fn reply(new: NewResponse) -> (String, Vec<u8>) {
    let row = Reply {
        response: Some(new.response),
    };
    (new.delivery, replies::TABLE.encode(&row))
}

fn log(line: &LogLine) -> Vec<u8> {
    logs::TABLE.encode(line)
}

/// What an activation is committed under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitLimits {
    /// How long the run is kept if it ends, in milliseconds.
    pub(crate) retention: u64,
    /// How much events aimed at a run may take.
    pub(crate) mail: MailLimits,
}
