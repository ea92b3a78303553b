//! `call_requests`: the unchanging parts of outbound calls that are too large for their rows of `calls`.
//!
//! Key: run, operation. Row: [`Call`].

use dormouse_journal::{
    DecodeError, OperationNumber, Request, RetryPolicy, RunId, SecretHeader, decode_body,
};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, OperationNumber), Call> = Table::new(TableId::CallRequests);

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

impl Row for Call {
    const VERSION: u8 = 2;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => Ok(decode_body::<CallV1>(body)?.into()),
            found => Err(DecodeError::Version { found }),
        }
    }
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
