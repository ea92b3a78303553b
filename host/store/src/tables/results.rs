//! `results`: outcomes that have arrived for one operation and were not delivered yet: of calls, of notifies, of orders
//! to other runs, and of waits that an event to all has reached.
//!
//! Key: run, operation. Row: [`Arrived`]. A large outcome is in `result_outcomes`, and the large payload of an event to
//! all is with the event.
//!
//! Version 1 had the outcome in the row, whatever its size. Version 2 had a copy of the event for each wait. All
//! versions begin with the time of acceptance.

use dormouse_journal::{
    CallError, DecodeError, OperationNumber, Outcome, Response, RunId, RunOutcome, Time,
    decode_body,
};
use serde::{Deserialize, Serialize};

use super::small_or_large::SmallOrLarge;
use super::{TableId, broadcasts, result_outcomes, small_or_large};
use crate::ReadError;
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

pub(crate) const TABLE: Table<(RunId, OperationNumber), Arrived> = Table::new(TableId::Results);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Arrived {
    accepted: Time,
    /// The outcome. None if it is in `result_outcomes`, or is an event.
    outcome: Option<Outcome>,
    /// The event in `broadcasts` that has the payload.
    event: Option<u64>,
}

impl Row for Arrived {
    const VERSION: u8 = 3;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => {
                let (accepted, outcome): (Time, Outcome) = decode_body(body)?;
                Ok(Arrived {
                    accepted,
                    outcome: Some(outcome),
                    event: None,
                })
            }
            2 => {
                let (accepted, outcome) = decode_body(body)?;
                Ok(Arrived {
                    accepted,
                    outcome,
                    event: None,
                })
            }
            found => Err(DecodeError::Version { found }),
        }
    }
}

/// Returns the approximate size of an outcome in bytes.
pub(crate) fn size(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Response(Ok(Response { headers, body, .. })) => {
            let headers = headers.iter().map(|(name, value)| name.len() + value.len());
            body.len() + headers.sum::<usize>()
        }
        Outcome::Response(Err(
            CallError::Denied(text) | CallError::Invalid(text) | CallError::Unreachable(text),
        )) => text.len(),
        Outcome::Response(Err(CallError::Other(failure))) => {
            failure.code.len() + failure.message.len()
        }
        Outcome::Event(Some(payload)) => payload.body.len() + payload.content_type.len(),
        Outcome::Delivery(Some(delivery)) => super::inbox::request_size(&delivery.request),
        Outcome::Started(Err(failure))
        | Outcome::RunEnded(Err(failure) | Ok(Some(RunOutcome::Failed(failure))))
        | Outcome::RunCancelled(Err(failure)) => failure.code.len() + failure.message.len(),
        Outcome::RunEnded(Ok(Some(RunOutcome::Completed(payload)))) => {
            payload.body.len() + payload.content_type.len()
        }
        Outcome::RunEnded(Ok(_))
        | Outcome::Started(Ok(_))
        | Outcome::RunCancelled(Ok(_))
        | Outcome::CancelAsked(_)
        | Outcome::Response(Err(_))
        | Outcome::Delivery(None)
        | Outcome::Event(None)
        | Outcome::Slept
        | Outcome::Notified(_) => 0,
    }
}

/// An outcome that is ready to be written.
#[derive(Debug, Clone)]
pub(crate) enum Arriving {
    /// An outcome of this operation alone.
    Own(SmallOrLarge<Outcome>),
    /// The payload of the event in `broadcasts` that was decided at this sequence. The event counts the results that
    /// refer to it.
    Event(u64),
}

impl Arriving {
    /// Returns the largest number of bytes that the outcome takes.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Arriving::Own(outcome) => outcome.bytes(),
            Arriving::Event(_) => 0,
        }
    }
}

impl From<Outcome> for Arriving {
    fn from(outcome: Outcome) -> Self {
        Arriving::Own(SmallOrLarge::new(size(&outcome), outcome))
    }
}

/// Writes an outcome. Returns true if it replaces another.
pub(crate) fn put(
    rows: &mut (impl RowsMut + ?Sized),
    key: (RunId, OperationNumber),
    accepted: Time,
    arriving: &Arriving,
) -> Result<bool, ReadError> {
    let replaced = remove(rows, key)?;
    let (outcome, event) = match arriving {
        Arriving::Own(outcome) => (outcome.put(rows, &result_outcomes::TABLE, key)?, None),
        Arriving::Event(sequence) => (None, Some(*sequence)),
    };
    let row = Arrived {
        accepted,
        outcome,
        event,
    };
    TABLE.put(rows, key, &row)?;
    Ok(replaced)
}

/// Returns an outcome.
pub(crate) fn get(
    rows: &(impl Rows + ?Sized),
    key: (RunId, OperationNumber),
) -> Result<Option<Outcome>, ReadError> {
    let Some(arrived) = TABLE.get(rows, key)? else {
        return Ok(None);
    };
    if let Some(sequence) = arrived.event {
        let payload = broadcasts::payload(rows, sequence)?;
        return Ok(Some(Outcome::Event(Some(payload))));
    }
    let outcome = small_or_large::get(rows, &result_outcomes::TABLE, key, arrived.outcome)?;
    outcome.map(Some).ok_or(ReadError::Missing {
        table: TableId::ResultOutcomes.name(),
        named_by: TableId::Results.name(),
    })
}

/// Removes an outcome. Returns true if there was one.
pub(crate) fn remove(
    rows: &mut (impl RowsMut + ?Sized),
    key: (RunId, OperationNumber),
) -> Result<bool, ReadError> {
    let removed = TABLE.take(rows, key)?;
    match &removed {
        Some(Arrived {
            event: Some(sequence),
            ..
        }) => broadcasts::release(rows, *sequence)?,
        Some(Arrived { outcome: None, .. }) => {
            result_outcomes::TABLE.remove(rows, key)?;
        }
        _ => {}
    }
    Ok(removed.is_some())
}
