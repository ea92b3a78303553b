//! The way out, as the runtime sees it: one attempt at a time.

use std::time::Duration;

use dormouse_journal::{CallError, Request, Response};
use dormouse_secret::Secret;
use dormouse_store::seams::Task;

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

/// Sends requests, under a policy that the runtime need not know.
pub trait Egress: Send + Sync + 'static {
    /// Sends one request and gives what came of it.
    fn send(&self, attempt: Attempt) -> Task<Result<Response, CallError>>;

    /// Hears of an attempt that was due and is not sent, since it needs a secret that may not go there. For whoever
    /// counts attempts.
    fn withheld(&self) {}
}
