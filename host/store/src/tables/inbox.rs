//! `inbox`: requests that were accepted and not yet taken.
//!
//! Key: run, webhook, place. The places of one webhook increase in the order of acceptance and are never used
//! twice. Row: [`Queued`]: the request as the run gets it. A large request is in `inbox_requests`.
//!
//! Version 1 had the request in the row, whatever its size. Both versions begin with [`Arrival`].

use dormouse_journal::{DecodeError, Delivery, Request, RunId, Time, WebhookNumber, decode_body};
use serde::{Deserialize, Serialize};

use super::small_or_large::SmallOrLarge;
use super::{TableId, inbox_requests, small_or_large};
use crate::ReadError;
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

pub(crate) const TABLE: Table<Key, Queued> = Table::new(TableId::Inbox);

/// The key of a request.
pub(crate) type Key = (RunId, WebhookNumber, u64);

/// The beginning of a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Arrival {
    pub(crate) id: String,
    pub(crate) accepted: Time,
}

/// A request that was not taken yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Queued {
    arrival: Arrival,
    /// The request. None if it is in `inbox_requests`.
    request: Option<Request>,
}

impl Row for Queued {
    const VERSION: u8 = 2;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => {
                let Delivery {
                    id,
                    accepted,
                    request,
                } = decode_body(body)?;
                Ok(Queued {
                    arrival: Arrival { id, accepted },
                    request: Some(request),
                })
            }
            found => Err(DecodeError::Version { found }),
        }
    }
}

/// Returns the number of bytes that a request counts for: all bytes that are stored.
pub(crate) fn request_size(request: &Request) -> usize {
    let headers = request.headers.iter();
    let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
    request.body.len() + headers + request.url.len()
}

/// Writes a request.
pub(crate) fn put(
    rows: &mut (impl RowsMut + ?Sized),
    key: Key,
    arrival: Arrival,
    request: &SmallOrLarge<Request>,
) -> Result<(), ReadError> {
    let request = request.put(rows, &inbox_requests::TABLE, key)?;
    TABLE.put(rows, key, &Queued { arrival, request })
}

/// Returns a request as the run gets it.
pub(crate) fn get(rows: &(impl Rows + ?Sized), key: Key) -> Result<Option<Delivery>, ReadError> {
    let Some(Queued { arrival, request }) = TABLE.get(rows, key)? else {
        return Ok(None);
    };
    let request = small_or_large::get(rows, &inbox_requests::TABLE, key, request)?;
    let request = request.ok_or(ReadError::Missing {
        table: TableId::InboxRequests.name(),
        named_by: TableId::Inbox.name(),
    })?;
    Ok(Some(Delivery {
        id: arrival.id,
        accepted: arrival.accepted,
        request,
    }))
}

/// Removes a request.
pub(crate) fn remove(rows: &mut (impl RowsMut + ?Sized), key: Key) -> Result<(), ReadError> {
    if let Some(Queued { request: None, .. }) = TABLE.take(rows, key)? {
        inbox_requests::TABLE.remove(rows, key)?;
    }
    Ok(())
}
