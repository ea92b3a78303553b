//! `calls`: outbound calls that have no result yet.
//!
//! Key: run, operation. Row: [`Call`], which holds the request until it is no longer needed; the journal has only its
//! digest. At start-up the whole table is read: every row is the host's own work.

use dormouse_journal::{Request, RetryPolicy, SecretHeader, Time};
use serde::{Deserialize, Serialize};

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<(RunKey, u32), Call> = Rows::new("calls");

/// An outbound call without a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// What is sent.
    pub request: Request,
    /// When it is sent again.
    pub retry: RetryPolicy,
    /// Milliseconds for one attempt.
    pub timeout: u64,
    /// Redirects followed.
    pub redirects: u32,
    /// Sent with every attempt.
    pub idempotency_key: String,
    /// The attempts so far.
    pub attempts: Attempts,
    /// Headers made from secrets. Their values are looked up at each attempt, and are never here.
    pub secret_headers: Vec<SecretHeader>,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// How many were scheduled, the one at `next` included. An attempt counts from the commit that schedules it.
    pub scheduled: u32,
    /// When the last one scheduled is made.
    pub next: Time,
}
