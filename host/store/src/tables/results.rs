//! `results`: outcomes that have arrived for one operation and were not delivered yet: of calls, of notifies, and of
//! waits that an event sent to all has reached.
//!
//! Key: run, operation. Row: [`Arrived`]; a large outcome lies in `result_outcomes`.
//!
//! Version 1 had the outcome in the row, whatever its size. Both versions begin with the time of acceptance.

use dormouse_journal::{
    CallError, DecodeError, OperationNumber, Outcome, Response, RunId, Time, decode_body,
};
use serde::{Deserialize, Serialize};

use super::{TableId, apart, result_outcomes};
use crate::ReadError;
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

pub(crate) const TABLE: Table<(RunId, OperationNumber), Arrived> = Table::new(TableId::Results);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Arrived {
    accepted: Time,
    /// None if it lies in `result_outcomes`.
    outcome: Option<Outcome>,
}

impl Row for Arrived {
    const VERSION: u8 = 2;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => {
                let (accepted, outcome): (Time, Outcome) = decode_body(body)?;
                Ok(Arrived {
                    accepted,
                    outcome: Some(outcome),
                })
            }
            found => Err(DecodeError::Version { found }),
        }
    }
}

/// Returns about how many bytes an outcome takes.
fn size(outcome: &Outcome) -> usize {
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
        Outcome::Response(Err(_))
        | Outcome::Delivery(None)
        | Outcome::Event(None)
        | Outcome::Slept
        | Outcome::Notified(_) => 0,
    }
}

/// Writes an outcome. Returns whether it takes the place of another.
pub(crate) fn put(
    rows: &mut (impl RowsMut + ?Sized),
    key: (RunId, OperationNumber),
    accepted: Time,
    outcome: Outcome,
) -> Result<bool, ReadError> {
    let replaced = remove(rows, key)?;
    let size = size(&outcome);
    let outcome = apart::put(rows, &result_outcomes::TABLE, key, size, outcome)?;
    TABLE.put(rows, key, &Arrived { accepted, outcome })?;
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
    let outcome = apart::get(rows, &result_outcomes::TABLE, key, arrived.outcome)?;
    outcome.map(Some).ok_or(ReadError::Missing {
        table: TableId::ResultOutcomes.name(),
        named_by: TableId::Results.name(),
    })
}

/// Removes an outcome. Returns whether there was one.
pub(crate) fn remove(
    rows: &mut (impl RowsMut + ?Sized),
    key: (RunId, OperationNumber),
) -> Result<bool, ReadError> {
    let removed = TABLE.take(rows, key)?;
    if matches!(removed, Some(Arrived { outcome: None, .. })) {
        result_outcomes::TABLE.remove(rows, key)?;
    }
    Ok(removed.is_some())
}
