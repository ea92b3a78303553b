//! Defers what an activation writes, if that is too much for one commit.
//!
//! The commit of the activation decides everything. It writes the record, takes the completion, and packs what else is
//! to be written into a few rows of `deferred`. Afterwards these are written to their tables in pieces (`deferred.rs`).

use dormouse_journal::{End, Kind, encoded_len};

use super::new_activation::NewActivation;
use super::prepared::{Deferral, Prepared};
use crate::tables::deferred::{self, Deferred, Part, SendTo};

/// The most rows that an activation writes in its own commit. Other writes of the same group find room beside it.
const AT_ONCE: u64 = 2_048;

/// The size of a row of `deferred`, in bytes. A single part may be larger. Each piece decodes such a row.
const ROW_BYTES: usize = 64 << 10;

/// The most rows of `deferred` that an activation fills, except for the last one. Beyond it, the rows are larger.
const ROWS: usize = 1_024;

/// The most answers to callers that the commit of an ended run keeps itself. A caller that asks an ended run again
/// finds its answer then.
const REPLIES: usize = 512;

/// Prepares an activation to be committed, and defers most of it if it has too much for one commit.
pub(crate) fn prepare(new: NewActivation) -> Prepared {
    let mut prepared = Prepared::new(new);
    if prepared.cost.rows > AT_ONCE {
        prepared.deferral = Some(defer(&mut prepared));
        prepared.cost = prepared.cost();
    }
    prepared
}

/// Takes out of an activation what is written later.
///
/// What the activation asks of others comes last. When somebody reacts to that, everything that the activation has
/// opened is there. Answers and log lines may have the URL of a webhook, so they come after the webhooks.
fn defer(new: &mut Prepared) -> Deferral {
    let goes_on = new.activation.end.is_none() && new.next.is_none();
    let has_failed = matches!(new.activation.end, Some(End::Failed { .. }));
    let replaced = std::mem::take(&mut new.replaced);
    let mut parts: Vec<Part> = replaced.into_iter().map(Part::Replaced).collect();
    parts.extend(made(new));
    new.waits = Vec::new();
    if goes_on {
        parts.push(Part::Labels(std::mem::take(&mut new.labels)));
    }
    let has_ended = new.activation.end.is_some();
    let at_once = if has_ended { REPLIES } else { 0 };
    let replies = new.replies.split_off(at_once.min(new.replies.len()));
    parts.extend(replies.into_iter().map(|(delivery, row)| Part::Reply {
        delivery,
        row: row.into(),
    }));
    let logs = (0..).zip(std::mem::take(&mut new.logs));
    parts.extend(logs.map(|(place, row)| Part::Log {
        place,
        row: row.into(),
    }));
    let calls = std::mem::take(&mut new.calls);
    let sends = std::mem::take(&mut new.sends);
    let is_to_all = |send: &&deferred::EventToSend| matches!(send.to, SendTo::Everyone { .. });
    let events = sends.iter().filter(is_to_all).count() as u64;
    if goes_on {
        parts.extend(calls.into_iter().map(Part::Call));
        parts.extend(sends.into_iter().map(Part::Send));
    }
    let orders = std::mem::take(&mut new.orders);
    let count = orders.len() as u64;
    if !has_failed {
        let orders = (0..).zip(orders);
        parts.extend(orders.map(|(nth, row)| Part::Order {
            nth,
            row: row.into(),
        }));
    }
    let waits = |part: &Part| match part {
        Part::Made { operation, .. } => matches!(operation.kind, Kind::WaitForEvent { .. }),
        _ => false,
    };
    Deferral {
        waits_for_events: parts.iter().any(waits),
        rows: pack(parts),
        events,
        orders: count,
    }
}

/// Returns the operations that change something. Of the last activation of a generation, that is what concerns the
/// webhooks that the next one keeps: everything else is closed.
fn made(new: &Prepared) -> Vec<Part> {
    let keep = new.next.as_ref().map(|next| &next.next.keep);
    let changes = |kind: &Kind| match (kind, keep) {
        (Kind::CreateWebhook { webhook, .. } | Kind::CloseWebhook { webhook }, Some(keep)) => {
            keep.binary_search(webhook).is_ok()
        }
        (_, Some(_)) => false,
        (Kind::CreateWebhook { .. } | Kind::CloseWebhook { .. } | Kind::Abandon { .. }, None) => {
            true
        }
        (kind, None) => kind.completes(),
    };
    if new.activation.end.is_some() {
        return Vec::new();
    }
    let made = (0..).zip(&new.activation.operations);
    let made = made.filter(|(_, operation)| changes(&operation.kind));
    let made = made.map(|(place, operation)| Part::Made {
        place,
        operation: operation.clone(),
    });
    made.collect()
}

/// Returns rows of `deferred` with these parts, in their order.
fn pack(parts: Vec<Part>) -> Vec<Vec<u8>> {
    let all: usize = parts.iter().map(encoded_len).sum();
    let most = ROW_BYTES.max(all / ROWS);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut row = Deferred { parts: Vec::new() };
    for part in parts {
        bytes += encoded_len(&part);
        row.parts.push(part);
        if bytes >= most {
            rows.push(deferred::TABLE.encode(&row));
            (row.parts, bytes) = (Vec::new(), 0);
        }
    }
    if !row.parts.is_empty() {
        rows.push(deferred::TABLE.encode(&row));
    }
    rows
}
