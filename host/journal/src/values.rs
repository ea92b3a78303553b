//! The values that cross between a run and the outside: requests, responses, payloads and the options of operations.
//!
//! They mirror the contract in `wit/`, which documents them for authors of workflows; here they are what is recorded.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::retry_policy::RetryPolicy;

/// An HTTP field: its name, and its value as raw bytes.
pub type Header = (String, Bytes);

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// In order, with repeats.
    pub headers: Vec<Header>,
    /// Raw.
    pub body: Bytes,
}

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// Such as 200.
    pub status: u16,
    /// In order, with repeats.
    pub headers: Vec<Header>,
    /// Raw.
    pub body: Bytes,
}

/// Bytes with a media type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Payload {
    /// Empty when the sender named none.
    pub content_type: String,
    /// Raw.
    pub body: Bytes,
}

/// A payload of JSON.
#[must_use]
pub fn json_payload(body: impl Into<Bytes>) -> Payload {
    Payload {
        content_type: "application/json".into(),
        body: body.into(),
    }
}

/// Why something did not succeed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Failure {
    /// What an order completes with that the workflow gave up before it was told what came of it.
    #[must_use]
    pub fn abandoned() -> Self {
        Failure {
            code: "abandoned".into(),
            message: "the workflow gave this up before it was told what came of it".into(),
        }
    }
}

/// A request taken by a wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// What the caller was answered with.
    pub id: String,
    /// When the request was accepted.
    pub accepted: crate::Time,
    /// The request.
    pub request: Request,
}

/// What a caller is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// 202.
    Accepted,
    /// Always this.
    Fixed(Response),
    /// What the workflow responds within this many milliseconds.
    FromWorkflow(u64),
}

/// A header whose value is made from secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHeader {
    /// The header's name.
    pub name: String,
    /// The groups that the value consists of.
    pub value: Vec<ValueGroup>,
}

impl SecretHeader {
    /// Returns the header whose value is a prefix followed by a secret.
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

    /// Returns how many bytes of text the header has, the names of its secrets included.
    #[must_use]
    pub fn size(&self) -> usize {
        let parts = self.parts().map(|part| match part {
            ValuePart::Text(text) | ValuePart::Secret(text) => text.len(),
        });
        self.name.len() + parts.sum::<usize>()
    }
}

/// Pieces of a header's value that follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueGroup {
    /// How the pieces, joined, are written.
    pub encoding: Encoding,
    /// The pieces, in order.
    pub parts: Vec<ValuePart>,
}

/// How a part of a header's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// In base64 (RFC 4648), with the standard alphabet and padding.
    Base64,
}

/// A piece of a header's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValuePart {
    /// This text.
    Text(String),
    /// The secret of this name. Its value is never here.
    Secret(String),
}

/// How a call is made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CallOptions {
    /// Milliseconds for one attempt; the host's default when none.
    pub timeout: Option<u64>,
    /// The default policy when none.
    pub retry: Option<RetryPolicy>,
    /// Sent with every attempt; made from run and operation when none.
    pub idempotency_key: Option<String>,
    /// Redirects followed.
    pub redirects: u32,
    /// Headers made from secrets.
    pub secret_headers: Vec<SecretHeader>,
}

/// Why no response came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallError {
    /// Not allowed.
    Denied(String),
    /// Cannot be sent.
    Invalid(String),
    /// Took too long.
    TimedOut,
    /// No connection, or a broken one.
    Unreachable(String),
    /// Larger than this many bytes.
    TooLarge(u64),
    /// Cut off by a stop of the host.
    Interrupted,
    /// Given up by the workflow.
    Abandoned,
    /// Anything else.
    Other(Failure),
}

/// The code of a response that came and cannot be read.
const MALFORMED_RESPONSE: &str = "malformed-response";

impl CallError {
    /// A response came that cannot be read, for this reason.
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

/// Limits that a guest can feel: its memory can fail to grow, its stack can overflow. They are recorded when the run
/// starts, and every replay uses those, whatever the host's settings are by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestLimits {
    /// Bytes of all linear memories together.
    pub memory: u64,
    /// Bytes of Wasm stack.
    pub stack: u64,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The finest.
    Trace,
    /// For whoever looks for a fault.
    Debug,
    /// The usual.
    Info,
    /// Something to look at.
    Warn,
    /// Something is wrong.
    Error,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The guest's time.
    pub time: crate::Time,
    /// How much it matters.
    pub level: Level,
    /// The text.
    pub message: String,
}

/// What a caller's own name for a request means when it comes again with another body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherBody {
    /// The caller made a mistake.
    Refuse,
    /// It is another request.
    Queue,
    /// It is the same request, written differently.
    Same,
}

/// What becomes of a run that breaks: that ends otherwise than by returning a result or an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenBroken {
    /// It is blocked, until it is retried with better code or given up.
    Block,
    /// It fails.
    Fail,
}

/// What becomes of a run when the one that started it completes or is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum WhenParentEnds {
    /// It is asked to cancel.
    #[default]
    Cancel,
    /// It goes on.
    Leave,
}

impl WhenParentEnds {
    /// All of them.
    pub const ALL: [WhenParentEnds; 2] = [WhenParentEnds::Cancel, WhenParentEnds::Leave];

    /// Returns the name by which guests ask for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            WhenParentEnds::Cancel => "cancel",
            WhenParentEnds::Leave => "leave",
        }
    }
}

/// How a run starts another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StartOptions {
    /// This version rather than the current one.
    pub version: Option<String>,
    /// What becomes of it when the run that started it ends.
    pub when_parent_ends: WhenParentEnds,
    /// When it is asked to cancel, in milliseconds from its start.
    pub timeout: Option<u64>,
    /// The texts of its labels, as the guest wrote them.
    pub labels: Vec<String>,
    /// The headers that the run sees. Without any, the digest is what it was before there were headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
}

/// How a run cancels another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CancelOptions {
    /// How long it may take to end by itself, in milliseconds. It is cancelled at once when none.
    pub grace: Option<u64>,
    /// Why.
    pub reason: Option<String>,
}

/// How a run ended, as another run is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunOutcome {
    /// It returned this.
    Completed(Payload),
    /// It failed.
    Failed(Failure),
    /// It was cancelled, for this reason.
    Cancelled(String),
    /// There is no such run.
    Gone,
    /// Anything else.
    Other(Failure),
}
