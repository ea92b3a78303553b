//! An activation that is ready to be written. It is encoded, and its cost is known, before the writer gets it.

use dormouse_journal::{
    Activation, End, Kind, Labels, LogLine, NextGeneration, RunId, Source, WebhookNumber,
};

use super::clearing::{END, OPERATION};
use super::mail::MailLimits;
use super::new_activation::{NewActivation, NewNotify, NewOrder, NewResponse, NotifyTarget};
use super::next_run::NextRun;
use super::{RUN, SMALL_ROW, events, labels, mail};
use crate::rows::Extent;
use crate::tables::broadcasts::payload_size;
use crate::tables::call_requests::NewCallRows;
use crate::tables::deferred::{CallToMake, EventToSend, SendTo};
use crate::tables::orders::{self, Order};
use crate::tables::small_or_large::SmallOrLarge;
use crate::tables::{Reply, generation_inputs, logs, replies, results};

/// The number of rows that opening an operation writes: the operation, its timer, and a wait for an event with its
/// mailbox.
const OPENED: u64 = 4;

/// The number of rows that closing an operation changes: those of clearing it, and its webhook or mailbox.
const CLOSED: u64 = OPERATION + 1;

/// The number of rows that taking a delivered item changes: a request in two rows and its webhook; or an event in two
/// rows and its mailbox; or a result in two rows, and an event in two rows if the result was the last to refer to it.
/// For an event from a trigger, the data of the trigger's request also moves from one row to another.
const TAKEN: u64 = 5;

/// The largest size of the row with the unchanging part of a run, in bytes. The row has the headers of the request that
/// started the run.
const RUN_ROW: u64 = 64 << 10;

/// An activation, encoded.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) activation: Activation,
    pub(super) record: Vec<u8>,
    /// Webhooks whose places were taken by others.
    pub(super) replaced: Vec<WebhookNumber>,
    pub(super) calls: Vec<CallToMake>,
    pub(super) sends: Vec<EventToSend>,
    /// The rows of the orders to other runs.
    pub(super) orders: Vec<Vec<u8>>,
    /// The waits for other runs: the index of each among the operations, and the run, if the guest's text was an id.
    pub(super) waits: Vec<(u32, Option<RunId>)>,
    /// The deliveries that the workflow has answered, each with the row that keeps the answer.
    pub(super) replies: Vec<(String, Vec<u8>)>,
    /// The next generation, if this activation ends the present one.
    pub(super) next: Option<PreparedGeneration>,
    /// The rows of the log.
    pub(super) logs: Vec<Vec<u8>>,
    pub(super) logged: u64,
    pub(super) labels: Labels,
    /// How long the run may be retried if it fails in this activation, in milliseconds.
    pub(super) repair_within: u64,
    /// The run that may be started when this run completes.
    pub(super) next_run: Option<NextRun>,
    /// What is written after the commit, if all together would be too much for one commit.
    pub(super) deferral: Option<Deferral>,
    pub(super) cost: Extent,
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
            sends: sends(new.notifies),
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
            next_run: new.next_run,
            deferral: None,
            cost: Extent::default(),
        };
        prepared.cost = prepared.cost();
        prepared
    }

    /// Returns where the completion came from.
    pub(super) fn source(&self) -> Option<&Source> {
        let origin = self.activation.origin.as_ref();
        origin.map(|origin| &origin.source)
    }

    /// Returns true if the activation sends an event, waits for a run or may start the next run of a key, so that it
    /// may touch other runs.
    pub(super) fn touches_others(&self) -> bool {
        !self.sends.is_empty() || !self.waits.is_empty() || self.next_run.is_some()
    }

    /// Returns the most that committing it writes. Most of the rows belong to operations that it opens and closes, of
    /// which a run may have up to `outstanding-limit` at once.
    pub(super) fn cost(&self) -> Extent {
        let operations = self.activation.operations.iter();
        let changed: u64 = match (&self.activation.end, &self.deferral) {
            (None, None) => operations.map(|operation| changed(&operation.kind)).sum(),
            _ => 0,
        };
        let sum = |rows: &mut dyn Iterator<Item = usize>| rows.sum::<usize>() as u64;
        let calls = self.calls.iter().map(|call| call.call.bytes() + SMALL_ROW);
        let replies = sum(&mut self.replies.iter().map(|(_, row)| row.len()));
        let logs = sum(&mut self.logs.iter().map(Vec::len));
        let sends = self.sends.iter().map(|send| match send.to {
            SendTo::Everyone { .. } => events::cost(&send.payload),
            SendTo::Run(_) => RUN.and(mail::cost(&send.payload)),
            SendTo::Nobody => Extent::default(),
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
        // An open operation repeats the record's data of it, and a failure is also in the run's row.
        let record = self.record.len() as u64;
        let delivered = self.activation.completion.as_ref();
        let delivered = delivered.map_or(0, |delivered| results::size(&delivered.outcome)) as u64;
        let repeated = record.saturating_sub(delivered) + changed * SMALL_ROW;
        let bytes = record + repeated + calls.sum::<u64>() + replies + logs;
        let closes_now = self.deferral.is_none();
        let next = self.next.as_ref().map(|next| next.cost(closes_now));
        let deferred = self.deferral.as_ref().map(Deferral::cost);
        let activation = Extent::new(rows, bytes)
            .and(next.unwrap_or_default())
            .and(deferred.unwrap_or_default())
            .and(sends)
            .and(orders)
            .and(waits)
            .and(labels::cost(&self.labels))
            .and(
                self.next_run
                    .as_ref()
                    .map(NextRun::cost)
                    .unwrap_or_default(),
            )
            .and(RUN);
        match &self.activation.end {
            None => activation,
            Some(End::Completed(_)) => activation.and(END),
            Some(End::Failed { .. }) => activation.and(END).and(Extent::new(0, record)),
        }
    }
}

/// What is written after the commit of an activation.
#[derive(Debug)]
pub(crate) struct Deferral {
    /// The rows of `deferred`.
    pub(super) rows: Vec<Vec<u8>>,
    /// The number of events that are sent to all.
    pub(super) events: u64,
    /// The number of orders to other runs.
    pub(super) orders: u64,
    /// True if waits for events are among what is written later.
    pub(super) waits_for_events: bool,
}

impl Deferral {
    /// Returns what noting it in the commit writes: the rows, the order to write what is in them, and a note that waits for
    /// events follow.
    fn cost(&self) -> Extent {
        let bytes: usize = self.rows.iter().map(Vec::len).sum();
        Extent::new(self.rows.len() as u64 + 2, bytes as u64 + 2 * SMALL_ROW)
    }
}

/// The next generation of a run, with its input encoded.
#[derive(Debug)]
pub(crate) struct PreparedGeneration {
    pub(super) next: NextGeneration,
    /// The largest number of operations that may be open when the old generation ends.
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

    /// Returns the most that beginning it writes. If it closes everything now, that is every open operation, and every
    /// webhook that is not kept.
    fn cost(&self, closes_now: bool) -> Extent {
        let kept = self.next.keep.len() as u64 * SMALL_ROW;
        let closed = match closes_now {
            true => (OPERATION + 1) * self.outstanding + u64::from(self.next.webhooks),
            false => 0,
        };
        let rows = closed + 4;
        let bytes = self.input.len() as u64 + kept + RUN_ROW;
        Extent::new(rows, bytes + rows * SMALL_ROW)
    }
}

/// Returns the number of rows that making an operation changes.
pub(super) fn changed(kind: &Kind) -> u64 {
    match kind {
        Kind::Abandon { operations, .. } => (CLOSED + 1) * operations.len() as u64,
        Kind::CreateWebhook { .. } | Kind::CloseWebhook { .. } => 1,
        _ => OPENED,
    }
}

fn call(new: super::NewCall) -> CallToMake {
    CallToMake {
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

fn sends(new: Vec<NewNotify>) -> Vec<EventToSend> {
    let mut to_all = 0..;
    let sends = new.into_iter().map(|new| {
        let to = match new.to {
            NotifyTarget::Everyone => SendTo::Everyone {
                nth: to_all.next().unwrap_or_default(),
            },
            NotifyTarget::Run(run) => SendTo::Run(run),
            NotifyTarget::Nobody => SendTo::Nobody,
        };
        send(new, to)
    });
    sends.collect()
}

fn send(new: NewNotify, to: SendTo) -> EventToSend {
    EventToSend {
        operation: new.operation,
        event: new.event,
        to,
        size: new.payload.body.len() as u64,
        payload: SmallOrLarge::new(payload_size(&new.payload), new.payload),
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

/// The limits under which an activation is committed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitLimits {
    /// How long the run is kept if it ends, in milliseconds.
    pub(crate) retention: u64,
    /// The limits of events that are aimed at a run.
    pub(crate) mail: MailLimits,
}
