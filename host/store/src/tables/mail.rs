//! `mail`: events that are aimed at one run and not yet taken.
//!
//! Key: run, event, place. The places work as in the inbox of a webhook. Row: [`Mail`]. A large payload is
//! in `mail_payloads`.
//!
//! Version 1 had the payload in the row, whatever its size. Both versions begin with the time of acceptance.

use dormouse_journal::{DecodeError, Payload, RunId, Time, decode_body};
use serde::{Deserialize, Serialize};

use super::small_or_large::SmallOrLarge;
use super::{TableId, mail_payloads, routed, small_or_large};
use crate::ReadError;
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

pub(crate) const TABLE: Table<(RunId, String, u64), Mail> = Table::new(TableId::Mail);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mail {
    accepted: Time,
    /// The size that the event counts for in the mailbox, in bytes.
    size: u64,
    /// The payload. None if it is in `mail_payloads`.
    payload: Option<Payload>,
}

impl Row for Mail {
    const VERSION: u8 = 2;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => {
                let (accepted, payload): (Time, Payload) = decode_body(body)?;
                Ok(Mail {
                    accepted,
                    size: payload.body.len() as u64,
                    payload: Some(payload),
                })
            }
            found => Err(DecodeError::Version { found }),
        }
    }
}

/// Writes an event.
pub(crate) fn put(
    rows: &mut (impl RowsMut + ?Sized),
    key: (RunId, &str, u64),
    accepted: Time,
    size: u64,
    payload: &SmallOrLarge<Payload>,
) -> Result<(), ReadError> {
    let payload = payload.put(rows, &mail_payloads::TABLE, key)?;
    let row = Mail {
        accepted,
        size,
        payload,
    };
    TABLE.put(rows, key, &row)
}

/// Returns an event.
pub(crate) fn get(
    rows: &(impl Rows + ?Sized),
    key: (RunId, &str, u64),
) -> Result<Option<Payload>, ReadError> {
    let Some(mail) = TABLE.get(rows, key)? else {
        return Ok(None);
    };
    let payload = small_or_large::get(rows, &mail_payloads::TABLE, key, mail.payload)?;
    payload.map(Some).ok_or(ReadError::Missing {
        table: TableId::MailPayloads.name(),
        named_by: TableId::Mail.name(),
    })
}

/// Returns when an event was accepted.
pub(crate) fn accepted(
    rows: &(impl Rows + ?Sized),
    key: (RunId, &str, u64),
) -> Result<Option<Time>, ReadError> {
    TABLE.get_prefix(rows, key)
}

/// Removes an event. Returns its size, if it was there.
pub(crate) fn remove(
    rows: &mut (impl RowsMut + ?Sized),
    key: (RunId, &str, u64),
) -> Result<Option<u64>, ReadError> {
    let Some(mail) = TABLE.take(rows, key)? else {
        return Ok(None);
    };
    if mail.payload.is_none() {
        mail_payloads::TABLE.remove(rows, key)?;
    }
    routed::TABLE.remove(rows, key)?;
    Ok(Some(mail.size))
}
