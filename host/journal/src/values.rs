//! Values that pass between a run and the outside: requests, responses, payloads and the options of operations.
//!
//! The types correspond to those of the contract in `wit/`, which documents them for authors of workflows. The types
//! here are what is recorded.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::retry_policy::RetryPolicy;

/// An HTTP header field: its name, and its value as raw bytes.
pub type Header = (String, Bytes);

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// The header fields in order, including repeated ones.
    pub headers: Vec<Header>,
    /// The raw body.
    pub body: Bytes,
}

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// The header fields in order, including repeated ones.
    pub headers: Vec<Header>,
    /// The raw body.
    pub body: Bytes,
}

/// Bytes with a media type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Payload {
    /// The media type. Empty if the sender gave none.
    pub content_type: String,
    /// The raw bytes.
    pub body: Bytes,
}

/// Creates a payload of JSON.
#[must_use]
pub fn json_payload(body: impl Into<Bytes>) -> Payload {
    Payload {
        content_type: "application/json".into(),
        body: body.into(),
    }
}

/// The reason why something failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The code, for programs.
    pub code: String,
    /// The message, for people.
    pub message: String,
}

/// The longest code, message and backtrace of a failed or blocked run, in bytes. They are in the run's row, which is read with
/// each request to the run, and written again with each request that a blocked run gets. Guests choose these texts, also those
/// of a backtrace, which has the names of the guest's functions and files.
const CODE: usize = 256;
const MESSAGE: usize = 64 << 10;
const BACKTRACE: usize = 16 << 10;

impl Failure {
    /// Cuts what is too long for the row of a run.
    #[must_use]
    pub fn cut(mut self) -> Self {
        cut(&mut self.code, CODE);
        cut(&mut self.message, MESSAGE);
        self
    }

    /// Returns the result of an order that the workflow gave up before it got the result.
    #[must_use]
    pub fn abandoned() -> Self {
        Failure {
            code: "abandoned".into(),
            message: "the workflow gave this up before it was told what came of it".into(),
        }
    }
}

/// Cuts the backtrace of a run as the texts of its failure are cut.
#[must_use]
pub fn cut_backtrace(mut backtrace: String) -> String {
    cut(&mut backtrace, BACKTRACE);
    backtrace
}

/// Cuts a text to this many bytes, and marks that it was cut.
fn cut(text: &mut String, most: usize) {
    const MARK: char = '…';
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most - MARK.len_utf8()));
        text.push(MARK);
        text.shrink_to_fit();
    }
}

/// A request that a wait has taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The id of the delivery, which the answer to the caller contains.
    pub id: String,
    /// When the request was accepted.
    pub accepted: crate::Time,
    /// The request.
    pub request: Request,
}

/// How a caller is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// With status 202.
    Accepted,
    /// Always with this response.
    Fixed(Response),
    /// With the workflow's response, if it comes within this many milliseconds.
    FromWorkflow(u64),
}

/// A header whose value contains secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHeader {
    /// The header's name.
    pub name: String,
    /// The groups of which the value consists.
    pub value: Vec<ValueGroup>,
}

impl SecretHeader {
    /// Creates a header whose value is a prefix followed by a secret.
    #[must_use]
    pub fn prefixed(name: &str, prefix: &str, secret: &str) -> Self {
        let text = (!prefix.is_empty()).then(|| ValuePart::Text(prefix.into()));
        let secret = ValuePart::Secret(secret.into());
        SecretHeader {
            name: name.into(),
            value: vec![ValueGroup {
                encoding: Encoding::Plain,
                parts: text.into_iter().chain([secret]).collect(),
            }],
        }
    }

    /// Returns the pieces of the value, in order.
    pub fn parts(&self) -> impl Iterator<Item = &ValuePart> {
        self.value.iter().flat_map(|group| &group.parts)
    }

    /// Returns the names of the secrets in the value.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.parts().filter_map(|part| match part {
            ValuePart::Secret(name) => Some(name.as_str()),
            ValuePart::Text(_) => None,
        })
    }

    /// Returns the size of the header's texts in bytes, including the names of its secrets.
    #[must_use]
    pub fn size(&self) -> usize {
        let parts = self.parts().map(|part| match part {
            ValuePart::Text(text) | ValuePart::Secret(text) => text.len(),
        });
        self.name.len() + parts.sum::<usize>()
    }
}

/// A group of successive parts of a header's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueGroup {
    /// How the joined parts are encoded.
    pub encoding: Encoding,
    /// The parts, in order.
    pub parts: Vec<ValuePart>,
}

/// The encoding of a group of a header's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// The text as it is.
    Plain,
    /// In base64 (RFC 4648), with the standard alphabet and padding.
    Base64,
}

/// A part of a header's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValuePart {
    /// A text.
    Text(String),
    /// The secret of this name. The value of the secret is never stored here.
    Secret(String),
}

/// The options of a call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CallOptions {
    /// The timeout of one attempt in milliseconds. None for the host's default.
    pub timeout: Option<u64>,
    /// The retry policy. None for the default policy.
    pub retry: Option<RetryPolicy>,
    /// The `Idempotency-Key` that is sent with every attempt. None for one that the host derives from the run and the
    /// operation.
    pub idempotency_key: Option<String>,
    /// The largest number of redirects that are followed.
    pub redirects: u32,
    /// Headers that contain secrets.
    pub secret_headers: Vec<SecretHeader>,
}

/// The reason why a call got no response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallError {
    /// The call is not allowed.
    Denied(String),
    /// The request cannot be sent.
    Invalid(String),
    /// The attempt took too long.
    TimedOut,
    /// There was no connection, or it broke.
    Unreachable(String),
    /// The response is larger than this many bytes.
    TooLarge(u64),
    /// The host was stopped during the attempt.
    Interrupted,
    /// The workflow gave the call up.
    Abandoned,
    /// Any other reason.
    Other(Failure),
}

/// The code of the error for a response that cannot be parsed.
const MALFORMED_RESPONSE: &str = "malformed-response";

impl CallError {
    /// Creates the error for a response that cannot be parsed, for this reason.
    #[must_use]
    pub fn malformed_response(message: String) -> Self {
        CallError::Other(Failure {
            code: MALFORMED_RESPONSE.into(),
            message,
        })
    }

    /// Returns true if nobody knows whether the request was carried out.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        match self {
            CallError::TimedOut | CallError::Interrupted | CallError::Unreachable(_) => true,
            CallError::Other(failure) => failure.code == MALFORMED_RESPONSE,
            CallError::Denied(_)
            | CallError::Invalid(_)
            | CallError::TooLarge(_)
            | CallError::Abandoned => false,
        }
    }
}

/// Limits that a guest can notice: its memory can fail to grow, and its stack can overflow. They are recorded when
/// the run starts, and every replay uses the recorded limits, whatever the host's settings are by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestLimits {
    /// The limit for all linear memories together, in bytes.
    pub memory: u64,
    /// The size of the Wasm stack, in bytes.
    pub stack: u64,
}

/// The level of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Details of a program's execution.
    Trace,
    /// Information for debugging.
    Debug,
    /// Usual information.
    Info,
    /// A warning.
    Warn,
    /// An error.
    Error,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The guest's time.
    pub time: crate::Time,
    /// The level of the line.
    pub level: Level,
    /// The text.
    pub message: String,
}

/// The meaning of a sender's own name for a request that comes again with another body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherBody {
    /// The sender has made a mistake.
    Refuse,
    /// The request is another one.
    Queue,
    /// The request is the same, written differently.
    Same,
}

/// What happens to a run that breaks, which means that it ends without returning a result or an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenBroken {
    /// The run is blocked, until it is retried with better code or given up.
    Block,
    /// The run fails.
    Fail,
}

/// What happens to a run when the run that started it completes or is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum WhenParentEnds {
    /// The run is asked to cancel.
    #[default]
    Cancel,
    /// The run goes on.
    Leave,
}

impl WhenParentEnds {
    /// All cases.
    pub const ALL: [WhenParentEnds; 2] = [WhenParentEnds::Cancel, WhenParentEnds::Leave];

    /// Returns the name that guests use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            WhenParentEnds::Cancel => "cancel",
            WhenParentEnds::Leave => "leave",
        }
    }
}

/// The options with which a run starts another run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StartOptions {
    /// The version. None for the current version.
    pub version: Option<String>,
    /// What happens to the new run when the run that started it ends.
    pub when_parent_ends: WhenParentEnds,
    /// When the new run is asked to cancel, in milliseconds from its start.
    pub timeout: Option<u64>,
    /// The labels, as the guest wrote them.
    pub labels: Vec<String>,
    /// The headers that the new run sees. Without headers, the digest of the options is the same as before headers
    /// existed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
}

/// The options with which a run cancels another run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CancelOptions {
    /// The grace period in milliseconds. None to cancel at once.
    pub grace: Option<u64>,
    /// The reason.
    pub reason: Option<String>,
}

/// How a run ended, as another run is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunOutcome {
    /// The run returned this result.
    Completed(Payload),
    /// The run failed.
    Failed(Failure),
    /// The run was cancelled, for this reason.
    Cancelled(String),
    /// There is no such run.
    Gone,
    /// Any other reason.
    Other(Failure),
}
