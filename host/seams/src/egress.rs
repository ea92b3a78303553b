//! Outbound requests: one attempt at a call at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dormouse_journal::{CallError, Request, Response};
use dormouse_limits::Budget;
use zeroize::Zeroizing;

use crate::{BodyMissing, LargeBody, Task};

/// One attempt at a call.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The name of the workflow that makes the call. Scarce resources are shared among workflows.
    pub on_behalf_of: Arc<str>,
    /// The request as it is sent, with the headers that the host adds.
    pub request: Request,
    /// The body of the request, if it is read only when there is a connection. The body in `request` is empty then.
    pub large_body: Option<LargeBody>,
    /// Headers with secrets, which are sent together with the request's own headers. They go only to the origin of the
    /// request's URL: a redirect to another origin drops them. The response is searched for their secrets.
    pub secret_headers: Vec<SecretHeader>,
    /// How long the whole attempt may take, from the name lookup over all redirects to the last byte of the response.
    pub timeout: Duration,
    /// The largest number of redirects that are followed. The response after the last of them is the result, even if it
    /// redirects too.
    pub redirects: u32,
    /// The largest body of the response, in bytes.
    pub max_response: u64,
    /// The budget from which the memory for the response is taken.
    pub memory: Budget,
}

impl Attempt {
    /// Reads the body if it is not in memory yet. Only for implementations of [`Egress`] that make no connections.
    ///
    /// # Errors
    /// If the body cannot be read.
    pub async fn with_body(mut self) -> Result<Self, BodyMissing> {
        if let Some(body) = self.large_body.take() {
            self.request.body = body.read().await?;
        }
        Ok(self)
    }
}

/// A header whose value contains secrets.
#[derive(Debug, Clone)]
pub struct SecretHeader {
    /// The name of the header.
    pub name: String,
    /// The value of the header, with the secrets.
    pub value: SecretValue,
    /// The secrets in the value, for which the response is searched.
    pub secrets: Vec<SecretValue>,
}

/// The bytes of a secret. `Debug` does not show them, and they are wiped when this value is dropped. Copies that HTTP
/// and TLS make during an attempt are not wiped.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Returns the bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for SecretValue {
    fn from(bytes: Vec<u8>) -> Self {
        SecretValue(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(..)")
    }
}

/// Sends requests, under a policy of its own.
pub trait Egress: Send + Sync + 'static {
    /// Sends one request, and returns its result.
    fn send(&self, attempt: Attempt) -> Task<Result<Response, CallError>>;

    /// Counts an attempt that was due but is not sent, because it needs a secret that may not be sent there.
    fn withheld(&self) {}
}
