//! `broadcasts`: events that are sent to all runs which wait for them.
//!
//! Key: the commit sequence at which the event was decided. Row: [`Broadcast`]. The row stays until the event has
//! reached every wait (until then the event is also in `underway`) and no result refers to it. A large payload is in
//! `event_payloads`.
//!
//! Version 1 had the payload in the row, whatever its size, so the payload was written again for each batch of waits.

use dormouse_journal::{DecodeError, OperationNumber, Payload, RunId, Time, decode_body};
use serde::{Deserialize, Serialize};

use super::{TableId, event_payloads, small_or_large};
use crate::ReadError;
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

pub(crate) const TABLE: Table<u64, Broadcast> = Table::new(TableId::Broadcasts);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Broadcast {
    pub(crate) event: String,
    /// The time at which the event was decided. A wait whose deadline was not later is not reached.
    pub(crate) accepted: Time,
    /// The run and the operation that complete with the number of reached waits.
    pub(crate) from: Option<(RunId, OperationNumber)>,
    /// The payload. None if it is in `event_payloads`.
    pub(crate) payload: Option<Payload>,
    /// The number of waits that were reached so far.
    pub(crate) waits: u32,
    /// The number of results that refer to this event for its payload.
    pub(crate) named: u32,
    pub(crate) is_underway: bool,
    /// The progress of the pass through the waits. Only the first event of each name has it, for all events of that
    /// name.
    pub(crate) round: Option<Round>,
}

/// One pass through the waits for all events of one name that had been decided when the pass began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Round {
    /// The last of these events.
    pub(crate) until: u64,
    /// The last wait that was visited.
    pub(crate) cursor: Option<(RunId, OperationNumber)>,
    /// True if all waits were visited, so that the events are finished.
    pub(crate) is_over: bool,
}

impl Row for Broadcast {
    const VERSION: u8 = 2;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => {
                let row: BroadcastV1 = decode_body(body)?;
                Ok(Broadcast {
                    event: row.event,
                    accepted: row.accepted,
                    from: None,
                    payload: Some(row.payload),
                    waits: 0,
                    named: 0,
                    is_underway: true,
                    round: None,
                })
            }
            found => Err(DecodeError::Version { found }),
        }
    }
}

/// A row of version 1.
#[derive(Serialize, Deserialize)]
pub(crate) struct BroadcastV1 {
    event: String,
    payload: Payload,
    accepted: Time,
    cursor: Option<(RunId, OperationNumber)>,
}

impl Broadcast {
    /// Returns the payload if it is small, so that it is copied into each result.
    pub(crate) fn copied(&self) -> Option<&Payload> {
        let payload = self.payload.as_ref();
        payload.filter(|payload| small_or_large::is_small(payload_size(payload)))
    }
}

/// Returns the number of bytes that a payload counts for.
pub(crate) fn payload_size(payload: &Payload) -> usize {
    payload.body.len() + payload.content_type.len()
}

/// Returns the payload of an event that results refer to.
pub(crate) fn payload(rows: &(impl Rows + ?Sized), sequence: u64) -> Result<Payload, ReadError> {
    let missing = |table: TableId, named_by: TableId| ReadError::Missing {
        table: table.name(),
        named_by: named_by.name(),
    };
    let row = TABLE.get(rows, sequence)?;
    let row = row.ok_or_else(|| missing(TableId::Broadcasts, TableId::Results))?;
    let payload = small_or_large::get(rows, &event_payloads::TABLE, sequence, row.payload)?;
    payload.ok_or_else(|| missing(TableId::EventPayloads, TableId::Broadcasts))
}

/// Writes an event's row. If the event is no longer needed, removes the row and the payload instead.
pub(crate) fn put(
    rows: &mut (impl RowsMut + ?Sized),
    sequence: u64,
    row: &Broadcast,
) -> Result<(), ReadError> {
    if row.is_underway || row.named > 0 {
        return TABLE.put(rows, sequence, row);
    }
    TABLE.remove(rows, sequence)?;
    if row.payload.is_none() {
        event_payloads::TABLE.remove(rows, sequence)?;
    }
    Ok(())
}

/// Notes that a result which referred to an event is gone.
pub(crate) fn release(rows: &mut (impl RowsMut + ?Sized), sequence: u64) -> Result<(), ReadError> {
    let Some(mut row) = TABLE.get(rows, sequence)? else {
        return Ok(());
    };
    row.named = row.named.saturating_sub(1);
    put(rows, sequence, &row)
}
