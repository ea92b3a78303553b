//! `calls`: outbound calls that have no result yet, and their attempts.
//!
//! Key: run, operation. Row: [`Outstanding`]. The row is written again for each attempt, and is therefore small: the
//! unchanging part of a call is in `call_requests` and `call_bodies` unless it is small. A start reads the whole table,
//! because every row is work for the host.
//!
//! The rows of paused runs are set aside in `calls_aside`, which has the same format and is not scanned.
//!
//! Version 1 had the request in the row, whatever its size. Migration 2 moved large ones. Up to version 2, the value of
//! a header with a secret was a prefix and one secret, and no error was kept. Up to version 3, a call was limited only
//! by a number of attempts.

use dormouse_journal::{
    DecodeError, OperationNumber, Request, RetryPolicy, RunId, SecretHeader, Time, decode_body,
};
use serde::{Deserialize, Serialize};

use super::TableId;
use super::call_requests::{self, Call, CallV1, NewCallRows, SecretHeaderV1, from_v1};
use crate::ReadError;
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

pub(crate) const TABLE: Table<(RunId, OperationNumber), Outstanding> = Table::new(TableId::Calls);

/// Calls of paused runs, which were set aside.
pub(crate) const ASIDE: Table<(RunId, OperationNumber), Outstanding> =
    Table::new(TableId::CallsAside);

/// The attempts at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// The number of attempts that were scheduled, including the one at `next`. An attempt counts from the commit that
    /// schedules it.
    pub scheduled: u32,
    /// The time of the attempt that was scheduled last.
    pub next: Time,
}

/// The limits on the attempts at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// The largest number of attempts. None if only the time limits them.
    pub attempts: Option<u32>,
    /// The time up to which an attempt may begin. None if there is no such time.
    pub until: Option<Time>,
}

impl Bounds {
    /// Returns the limits of a call that was made at this time.
    #[must_use]
    pub fn new(policy: RetryPolicy, made: Time) -> Self {
        Bounds {
            attempts: policy.attempts,
            until: policy.give_up_after.map(|span| made.after(span)),
        }
    }

    /// Returns true if another attempt may follow this many, as far as their number is concerned.
    #[must_use]
    pub fn allow_after(self, made: u32) -> bool {
        self.attempts.is_none_or(|most| made < most)
    }

    /// Returns true if an attempt may begin at this time.
    #[must_use]
    pub fn allow_at(self, time: Time) -> bool {
        self.until.is_none_or(|until| time <= until)
    }
}

/// A call without a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outstanding {
    /// The attempts at the call.
    pub(crate) attempts: Attempts,
    /// The limits on the attempts.
    pub(crate) bounds: Bounds,
    /// The call itself. None if it is in `call_requests`.
    pub(crate) call: Option<Call>,
    /// The reason why the last attempt did not succeed.
    pub(crate) last_error: Option<String>,
}

impl Row for Outstanding {
    const VERSION: u8 = 4;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => Ok(decode_body::<OutstandingV1>(body)?.into()),
            2 => Ok(decode_body::<OutstandingV2>(body)?.into()),
            3 => Ok(decode_body::<OutstandingV3>(body)?.into()),
            found => Err(DecodeError::Version { found }),
        }
    }
}

/// A row of version 1.
#[derive(Serialize, Deserialize)]
pub(crate) struct OutstandingV1 {
    request: Request,
    retry: RetryPolicy,
    timeout: u64,
    redirects: u32,
    idempotency_key: String,
    attempts: Attempts,
    secret_headers: Vec<SecretHeaderV1>,
}

impl From<OutstandingV1> for Outstanding {
    fn from(row: OutstandingV1) -> Self {
        Outstanding {
            attempts: row.attempts,
            bounds: Bounds {
                attempts: row.retry.attempts,
                until: None,
            },
            call: Some(Call {
                request: row.request,
                retry: row.retry,
                timeout: row.timeout,
                redirects: row.redirects,
                idempotency_key: row.idempotency_key,
                secret_headers: from_v1(&row.secret_headers),
            }),
            last_error: None,
        }
    }
}

/// A row of version 2.
#[derive(Serialize, Deserialize)]
struct OutstandingV2 {
    attempts: Attempts,
    allowed: u32,
    call: Option<CallV1>,
}

impl From<OutstandingV2> for Outstanding {
    fn from(row: OutstandingV2) -> Self {
        Outstanding {
            attempts: row.attempts,
            bounds: only(row.allowed),
            call: row.call.map(Call::from),
            last_error: None,
        }
    }
}

/// A row of version 3.
#[derive(Serialize, Deserialize)]
struct OutstandingV3 {
    attempts: Attempts,
    allowed: u32,
    call: Option<Call>,
    last_error: Option<String>,
}

impl From<OutstandingV3> for Outstanding {
    fn from(row: OutstandingV3) -> Self {
        Outstanding {
            attempts: row.attempts,
            bounds: only(row.allowed),
            call: row.call,
            last_error: row.last_error,
        }
    }
}

/// Returns the limits of a row of an earlier version.
fn only(attempts: u32) -> Bounds {
    Bounds {
        attempts: Some(attempts),
        until: None,
    }
}

impl Call {
    /// Returns the approximate size of the call as a row.
    pub(crate) fn size(&self) -> usize {
        let secrets = self.secret_headers.iter().map(SecretHeader::size);
        super::inbox::request_size(&self.request)
            + self.idempotency_key.len()
            + secrets.sum::<usize>()
    }
}

/// Writes a call and its attempts.
pub(crate) fn put(
    rows: &mut (impl RowsMut + ?Sized),
    key: (RunId, OperationNumber),
    attempts: Attempts,
    bounds: Bounds,
    call: &NewCallRows,
) -> Result<(), ReadError> {
    let call = call.put(rows, key)?;
    let row = Outstanding {
        attempts,
        bounds,
        call,
        last_error: None,
    };
    TABLE.put(rows, key, &row)
}

/// Returns a call and its attempts, also if it is set aside.
pub(crate) fn get(
    rows: &(impl Rows + ?Sized),
    key: (RunId, OperationNumber),
) -> Result<Option<Outstanding>, ReadError> {
    match TABLE.get(rows, key)? {
        Some(row) => Ok(Some(row)),
        None => ASIDE.get(rows, key),
    }
}

/// Returns true if a run has calls, including calls that are set aside.
pub(crate) fn has_any(rows: &(impl Rows + ?Sized), run: RunId) -> Result<bool, ReadError> {
    let first = TABLE.keys(rows, TABLE.of(run), false, 1)?;
    Ok(!first.is_empty() || !ASIDE.keys(rows, ASIDE.of(run), false, 1)?.is_empty())
}

/// Removes and returns the row of a call, also if it is set aside. The call's row of `call_requests` stays.
pub(crate) fn take(
    rows: &mut (impl RowsMut + ?Sized),
    key: (RunId, OperationNumber),
) -> Result<Option<Outstanding>, ReadError> {
    match TABLE.take(rows, key)? {
        Some(row) => Ok(Some(row)),
        None => ASIDE.take(rows, key),
    }
}

/// Removes a call. Returns true if there was one.
pub(crate) fn remove(
    rows: &mut (impl RowsMut + ?Sized),
    key: (RunId, OperationNumber),
) -> Result<bool, ReadError> {
    let removed = take(rows, key)?;
    if matches!(removed, Some(Outstanding { call: None, .. })) {
        call_requests::remove(rows, key)?;
    }
    Ok(removed.is_some())
}
