//! `call_requests`: the unchanging parts of outbound calls that are too large for their rows of `calls`.
//!
//! Key: run, operation. Row: [`LargeCall`]. A large body is in `call_bodies`. Up to version 2, it was in this row.

use bytes::Bytes;
use dormouse_journal::{
    DecodeError, OperationNumber, Request, RetryPolicy, RunId, SecretHeader, decode_body, encode_as,
};
use serde::{Deserialize, Serialize};

use super::{TableId, call_bodies, small_or_large};
use crate::ReadError;
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

pub(crate) const TABLE: Table<(RunId, OperationNumber), LargeCall> =
    Table::new(TableId::CallRequests);

/// The part of an outbound call that never changes. The journal has only its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The request that is sent.
    pub request: Request,
    /// When the request is sent again.
    pub retry: RetryPolicy,
    /// Timeout of one attempt, in milliseconds.
    pub timeout: u64,
    /// The largest number of redirects that are followed.
    pub redirects: u32,
    /// The `Idempotency-Key` that is sent with every attempt.
    pub idempotency_key: String,
    /// Headers that contain secrets. The values of the secrets are looked up at each attempt, and are
    /// never stored here.
    pub secret_headers: Vec<SecretHeader>,
}

/// A call, whose body may be in `call_bodies`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LargeCall {
    /// The call. Its request has an empty body if the body is in `call_bodies`.
    pub(crate) call: Call,
    /// The size in bytes of the body in `call_bodies`. None if the body is in `call`.
    pub(crate) body: Option<u64>,
}

impl Row for LargeCall {
    const VERSION: u8 = 3;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => Ok(Call::from(decode_body::<CallV1>(body)?).into()),
            2 => Ok(decode_body::<Call>(body)?.into()),
            found => Err(DecodeError::Version { found }),
        }
    }
}

impl From<Call> for LargeCall {
    fn from(call: Call) -> Self {
        LargeCall { call, body: None }
    }
}

/// A call to store. A large call is already encoded, so that the thread that writes need not encode it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum NewCallRows {
    /// A small call, which is stored in its row of `calls`.
    Small(Call),
    /// The encoded row of a large call, and the body for `call_bodies`. The body is empty if it is in the row.
    Large(Bytes, Bytes),
}

impl NewCallRows {
    pub(crate) fn new(mut call: Call) -> Self {
        if small_or_large::is_small(call.size()) {
            return NewCallRows::Small(call);
        }
        let (mut body, mut size) = (Bytes::new(), None);
        if call_bodies::is_large(call.request.body.len()) {
            body = std::mem::take(&mut call.request.body);
            size = Some(body.len() as u64);
        }
        let row = LargeCall { call, body: size };
        NewCallRows::Large(encode_as(LargeCall::VERSION, &row).into(), body)
    }

    /// Returns how many bytes the call takes in the store, at most.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            NewCallRows::Small(_) => small_or_large::MOST_IN_ROW,
            NewCallRows::Large(row, body) => (row.len() + body.len()) as u64,
        }
    }

    /// Writes a large call to `call_requests` and `call_bodies`. Returns a small call, which the caller writes to `calls`.
    pub(crate) fn put(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        key: (RunId, OperationNumber),
    ) -> Result<Option<Call>, ReadError> {
        match self {
            NewCallRows::Small(call) => Ok(Some(call.clone())),
            NewCallRows::Large(row, body) => {
                TABLE.put_encoded(rows, key, row)?;
                if !body.is_empty() {
                    call_bodies::TABLE.put(rows, key, body)?;
                }
                Ok(None)
            }
        }
    }
}

/// Returns a call from its row of `calls` (`in_row`), or else from `call_requests`. A body in `call_bodies` is not read.
pub(crate) fn get(
    rows: &(impl Rows + ?Sized),
    key: (RunId, OperationNumber),
    in_row: Option<Call>,
) -> Result<LargeCall, ReadError> {
    if let Some(call) = in_row {
        return Ok(call.into());
    }
    TABLE.get(rows, key)?.ok_or(ReadError::Missing {
        table: TableId::CallRequests.name(),
        named_by: TableId::Calls.name(),
    })
}

/// Returns the body of a call that [`get`] returned, from the call or from `call_bodies`.
pub(crate) fn get_body(
    rows: &(impl Rows + ?Sized),
    key: (RunId, OperationNumber),
    large: &LargeCall,
) -> Result<Bytes, ReadError> {
    let Some(size) = large.body else {
        return Ok(large.call.request.body.clone());
    };
    let body = call_bodies::TABLE.get(rows, key)?;
    let body = body.filter(|body| body.len() as u64 == size);
    body.map(Bytes::from).ok_or(ReadError::Missing {
        table: TableId::CallBodies.name(),
        named_by: TableId::CallRequests.name(),
    })
}

/// Removes the rows of a call in `call_requests` and `call_bodies`.
pub(crate) fn remove(
    rows: &mut (impl RowsMut + ?Sized),
    key: (RunId, OperationNumber),
) -> Result<(), ReadError> {
    TABLE.remove(rows, key)?;
    call_bodies::TABLE.remove(rows, key)
}

/// A row of version 1.
#[derive(Serialize, Deserialize)]
pub(super) struct CallV1 {
    request: Request,
    retry: RetryPolicy,
    timeout: u64,
    redirects: u32,
    idempotency_key: String,
    secret_headers: Vec<SecretHeaderV1>,
}

/// A header that contains a secret, as it was in rows of version 1.
#[derive(Serialize, Deserialize)]
pub(super) struct SecretHeaderV1 {
    name: String,
    prefix: String,
    secret: String,
}

pub(super) fn from_v1(headers: &[SecretHeaderV1]) -> Vec<SecretHeader> {
    let headers = headers.iter();
    headers
        .map(|header| SecretHeader::prefixed(&header.name, &header.prefix, &header.secret))
        .collect()
}

impl From<CallV1> for Call {
    fn from(row: CallV1) -> Self {
        Call {
            request: row.request,
            retry: row.retry,
            timeout: row.timeout,
            redirects: row.redirects,
            idempotency_key: row.idempotency_key,
            secret_headers: from_v1(&row.secret_headers),
        }
    }
}
