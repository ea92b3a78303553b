//! The journal of a run: what is recorded, how it is encoded, and how it is replayed.
//!
//! This crate is pure. It has no I/O, no clock, no randomness of its own and no `async`: records and calls go in,
//! records and decisions come out. Everything above it (the store, the engine, the runner) uses these types to
//! describe a run, and a test can take a run through its whole life without them.
//!
//! Begin reading here: [`Activation`] is what is recorded. [`Cursor`] decides whether an operation is a repeat or
//! new. [`Frontier`] knows what a run waits for and what comes next. [`Status`] is the life of a run.
//! `docs/reference/store-format.md` in the repository specifies the bytes.

mod activation;
mod arguments;
mod awaited;
mod back;
mod changes;
mod codec;
mod cursor;
mod fields;
mod frontier;
mod generation;
mod history;
mod ids;
mod labels;
mod mismatch;
mod open;
mod operation;
mod origin;
mod random;
mod retry_policy;
mod status;
mod triggers;
mod values;
mod webhook_options;

pub use activation::{Activation, Completion, End, Outcome};
pub use arguments::Arguments;
pub use awaited::{Awaited, UnknownAwaited};
pub use back::{
    AfterPoint, Excerpt, FoundStep, Reopened, Retrace, StepName, StepSearch, TakenItem,
};
pub use changes::Change;
pub use codec::{
    DecodeError, VERSION, decode, decode_body, decode_prefix, encode, encode_as, encoded_len,
    split_version,
};
pub use cursor::{Cursor, Fault, Hashed, Issued, Unhashed};
pub use fields::Fields;
pub use frontier::{Frontier, Ready};
pub use generation::{Beginning, KeptWebhook, NextGeneration, generation_key};
pub use history::{History, HistoryHead, InvalidHistory};
pub use ids::{Digest, Moment, OperationNumber, RunId, Time, TriggerId, VersionId, WebhookNumber};
pub use labels::{LABEL_KEY, LABEL_VALUE, LABELS, Label, LabelError, Labels};
pub use mismatch::{Mismatch, Side};
pub use open::{Channel, Head, Open, Waiting};
pub use operation::{Kind, Operation};
pub use origin::{Origin, Source};
pub use random::Generator;
pub use retry_policy::RetryPolicy;
pub use status::{IllegalTransition, Status, Transition, Until};
pub use triggers::{
    KeyMissing, LabelRule, LabelValue, OnExisting, Place, TriggerOptions, TriggerRequest, Unread,
};
pub use values::{
    CallError, CallOptions, CancelOptions, Delivery, Encoding, Failure, GuestLimits, Header, Level,
    LogLine, OtherBody, Payload, Reply, Request, Response, RunOutcome, SecretHeader, StartOptions,
    ValueGroup, ValuePart, WhenBroken, WhenParentEnds, cut_backtrace, json_payload,
};
pub use webhook_options::{Signature, WebhookOptions, WrittenHandshake, WrittenScheme};
