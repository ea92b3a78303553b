//! The way out: one attempt at a call at a time.

use std::time::Duration;

use dormouse_journal::{CallError, Request, Response};
use dormouse_secret::Secret;

use crate::Task;

/// One attempt at a call.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// What is sent, headers of the host's own included.
    pub request: Request,
    /// Headers made from secrets, sent beside the request's own to its origin only, and masked in what comes back.
    pub secret_headers: Vec<SecretHeader>,
    /// How long it may take.
    pub timeout: Duration,
    /// How many redirects are followed.
    pub redirects: u32,
    /// How large the response's body may be.
    pub max_response: u64,
}

/// A header whose value is `prefix` and then a secret.
#[derive(Debug, Clone)]
pub struct SecretHeader {
    /// The header's name.
    pub name: String,
    /// What stands before the secret.
    pub prefix: String,
    /// The secret itself, no longer its name.
    pub secret: Secret,
}

/// Sends requests, under a policy of its own.
pub trait Egress: Send + Sync + 'static {
    /// Sends one request, and returns what came of it.
    fn send(&self, attempt: Attempt) -> Task<Result<Response, CallError>>;

    /// Counts an attempt that was due and is not sent, since it needs a secret that may not go there.
    fn withheld(&self) {}
}
