//! `broadcasts`: events sent to all who wait.
//!
//! Key: the commit sequence at which it was decided. Row: [`Broadcast`]. It stays until the event has reached everybody
//! (until then it is in `underway` too) and no result names it any more. A large payload lies in `event_payloads`.
//!
//! Version 1 had the payload in the row, whatever its size, and was rewritten with it for each batch of waits.

use dormouse_journal::{DecodeError, OperationNumber, Payload, RunId, Time, decode_body};
use serde::{Deserialize, Serialize};

use super::{TableId, apart, event_payloads};
use crate::ReadError;
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

pub(crate) const TABLE: Table<u64, Broadcast> = Table::new(TableId::Broadcasts);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Broadcast {
    pub(crate) event: String,
    /// When it was decided. A wait whose deadline was not later is not reached.
    pub(crate) accepted: Time,
    /// Which operation of which run completes with the number of waits that were reached.
    pub(crate) from: Option<(RunId, OperationNumber)>,
    /// None if it lies in `event_payloads`.
    pub(crate) payload: Option<Payload>,
    /// How many waits were reached so far.
    pub(crate) waits: u32,
    /// How many results name this event for its payload.
    pub(crate) named: u32,
    pub(crate) is_underway: bool,
    /// How far the waits were gone through. Only the first event of each name has it, for all of that name.
    pub(crate) round: Option<Round>,
}

/// One pass through the waits for all events of one name that had been decided when it began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Round {
    /// The last of these events.
    pub(crate) until: u64,
    /// The last wait that was looked at.
    pub(crate) cursor: Option<(RunId, OperationNumber)>,
    /// True if all waits were looked at, so that the events are done.
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
    /// Returns the payload if it is to be copied into each result, since it is small.
    pub(crate) fn copied(&self) -> Option<&Payload> {
        let payload = self.payload.as_ref();
        payload.filter(|payload| apart::is_small(payload_size(payload)))
    }
}

/// Returns how many bytes of a payload count.
pub(crate) fn payload_size(payload: &Payload) -> usize {
    payload.body.len() + payload.content_type.len()
}

/// Returns the payload of an event that results name.
pub(crate) fn payload(rows: &(impl Rows + ?Sized), sequence: u64) -> Result<Payload, ReadError> {
    let missing = |table: TableId, named_by: TableId| ReadError::Missing {
        table: table.name(),
        named_by: named_by.name(),
    };
    let row = TABLE.get(rows, sequence)?;
    let row = row.ok_or_else(|| missing(TableId::Broadcasts, TableId::Results))?;
    let payload = apart::get(rows, &event_payloads::TABLE, sequence, row.payload)?;
    payload.ok_or_else(|| missing(TableId::EventPayloads, TableId::Broadcasts))
}

/// Writes an event's row, or removes it with its payload if nobody needs it any more.
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

/// A result that named an event is gone.
pub(crate) fn release(rows: &mut (impl RowsMut + ?Sized), sequence: u64) -> Result<(), ReadError> {
    let Some(mut row) = TABLE.get(rows, sequence)? else {
        return Ok(());
    };
    row.named = row.named.saturating_sub(1);
    put(rows, sequence, &row)
}
