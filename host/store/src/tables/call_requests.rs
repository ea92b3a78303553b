//! `call_requests`: what never changes about outbound calls that are too large for their rows of `calls`.
//!
//! Key: run, operation. Row: [`Call`].

use dormouse_journal::{OperationNumber, Request, RetryPolicy, RunId, SecretHeader};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, OperationNumber), Call> = Table::new(TableId::CallRequests);

/// What never changes about an outbound call. The journal has only its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// What is sent.
    pub request: Request,
    /// When it is sent again.
    pub retry: RetryPolicy,
    /// Timeout of one attempt, in milliseconds.
    pub timeout: u64,
    /// How many redirects are followed.
    pub redirects: u32,
    /// Sent with every attempt.
    pub idempotency_key: String,
    /// Headers made from secrets. Their values are looked up at each attempt, and are never here.
    pub secret_headers: Vec<SecretHeader>,
}

impl Row for Call {}
