//! Activations: the slices of a run's execution, and what one of them records.

use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, decode_body, encode_as, encoded_len, split_version};
use crate::{
    CallError, Delivery, Digest, Failure, Fields, Kind, Moment, Operation, OperationNumber, Origin,
    Payload, Response, RunOutcome, Time,
};

/// One slice of a run: a completion was delivered, and the guest ran until it was quiescent or ended. This is the unit
/// of the journal; it is committed whole or not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activation {
    /// When it was made, in steady time.
    pub time: Time,
    /// What was delivered. None for the first activation only, in which the guest is called with its input.
    pub completion: Option<Completion>,
    /// The operations made, in order.
    pub operations: Vec<Operation>,
    /// How many log lines were written. They are kept beside the journal.
    pub log_lines: u32,
    /// How the run ended, if it did.
    pub end: Option<End>,
    /// How far wall time was ahead of steady time, in milliseconds. The guest's clock reads wall time. Records of version
    /// 1 do not have it; it was 0 then.
    pub shift: i64,
    /// Where its completion came from, so that it can be put back there. None for a first activation. Records up to version 2
    /// do not have it.
    pub origin: Option<Origin>,
}

/// An activation in a record of version 1.
#[derive(Serialize, Deserialize)]
struct ActivationV1 {
    time: Time,
    completion: Option<Completion>,
    operations: Vec<OperationV2>,
    log_lines: u32,
    end: Option<End>,
}

/// An activation in a record of version 2.
#[derive(Serialize, Deserialize)]
struct ActivationV2 {
    time: Time,
    completion: Option<Completion>,
    operations: Vec<OperationV2>,
    log_lines: u32,
    end: Option<End>,
    shift: i64,
}

/// An operation in a record of version 1 or 2.
#[derive(Serialize, Deserialize)]
struct OperationV2 {
    step: String,
    digest: Digest,
    kind: Kind,
}

impl From<ActivationV1> for ActivationV2 {
    fn from(earlier: ActivationV1) -> Self {
        ActivationV2 {
            time: earlier.time,
            completion: earlier.completion,
            operations: earlier.operations,
            log_lines: earlier.log_lines,
            end: earlier.end,
            shift: 0,
        }
    }
}

impl From<ActivationV2> for Activation {
    fn from(earlier: ActivationV2) -> Self {
        let operations = earlier.operations.into_iter();
        let operations = operations.map(|operation| Operation {
            step: operation.step,
            digest: operation.digest,
            kind: operation.kind,
            fields: Fields::default(),
        });
        Activation {
            time: earlier.time,
            completion: earlier.completion,
            operations: operations.collect(),
            log_lines: earlier.log_lines,
            end: earlier.end,
            shift: earlier.shift,
            origin: None,
        }
    }
}

impl Activation {
    /// The version of the records that are written.
    pub const VERSION: u8 = 3;

    /// Returns the record that the journal has of it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode_as(Self::VERSION, self)
    }

    /// Returns how many bytes that record has.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        encoded_len(self)
    }

    /// Decodes a record of any version.
    ///
    /// # Errors
    /// When the bytes are of another version, or are not a record of an activation.
    pub fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        match split_version(record)? {
            (Self::VERSION, body) => decode_body(body),
            (version, body) => Self::decode_earlier(version, body),
        }
    }

    /// Decodes the body of a record of an earlier version.
    ///
    /// # Errors
    /// When there is no such version, or the bytes are not the body of such a record.
    pub fn decode_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let earlier: ActivationV2 = match version {
            1 => decode_body::<ActivationV1>(body)?.into(),
            2 => decode_body(body)?,
            found => return Err(DecodeError::Version { found }),
        };
        Ok(earlier.into())
    }

    /// Returns when it was made, on both lines of time.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment {
            time: self.time,
            shift: self.shift,
        }
    }
}

/// The outcome of an operation, delivered to the guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// Which operation.
    pub operation: OperationNumber,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an operation. New outcomes go to the end: the order is the format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// Of `wait-for-webhook`: a request, or none by timeout or `abandon`.
    Delivery(Option<Delivery>),
    /// Of `call`.
    Response(Result<Response, CallError>),
    /// Of `sleep` and `sleep-until`.
    Slept,
    /// Of `wait-for-event`: an event, or none by timeout or `abandon`.
    Event(Option<Payload>),
    /// Of `notify`: how many waits it reached.
    Notified(u32),
    /// Of `start-run`: the run's id, or why nothing was started.
    Started(Result<String, Failure>),
    /// Of `wait-for-run`: how the run ended, or none by timeout or `abandon`, or why it may not be waited for.
    RunEnded(Result<Option<RunOutcome>, Failure>),
    /// Of `cancel-run`: whether there was something to cancel, or why that is not allowed.
    RunCancelled(Result<bool, Failure>),
    /// Of `wait-for-cancel`: why the run is to cancel, or none by timeout or `abandon`.
    CancelAsked(Option<String>),
}

impl Outcome {
    /// Returns true if the operation is done again when the run is retried that failed after it was given this: a call that
    /// ended in an error or in a status of 400 or more, or a run that did not complete. What was given up is left so.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        match self {
            Outcome::Response(Ok(response)) => response.status >= 400,
            Outcome::Response(Err(error)) => *error != CallError::Abandoned,
            Outcome::RunEnded(Ok(Some(outcome))) => !matches!(outcome, RunOutcome::Completed(_)),
            _ => false,
        }
    }

    /// Returns true if whoever was called has said what came of it, so that the same request is another one from now on.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        match self {
            Outcome::Response(Ok(response)) => !matches!(response.status, 408 | 425 | 429 | 500..),
            _ => false,
        }
    }

    /// Returns true if nobody knows whether whoever was called has got the request.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, Outcome::Response(Err(error)) if error.is_in_doubt())
    }

    /// What an operation of this kind gives when it is given up or timed out. None for kinds that never complete.
    #[must_use]
    pub fn given_up(kind: &Kind) -> Option<Outcome> {
        match kind {
            Kind::WaitForWebhook { .. } => Some(Outcome::Delivery(None)),
            Kind::Call { .. } => Some(Outcome::Response(Err(CallError::Abandoned))),
            Kind::Sleep { .. } | Kind::SleepUntil { .. } => Some(Outcome::Slept),
            Kind::WaitForEvent { .. } => Some(Outcome::Event(None)),
            Kind::Notify { .. } => Some(Outcome::Notified(0)),
            Kind::StartRun { .. } => Some(Outcome::Started(Err(Failure::abandoned()))),
            Kind::WaitForRun { .. } => Some(Outcome::RunEnded(Ok(None))),
            Kind::CancelRun { .. } => Some(Outcome::RunCancelled(Err(Failure::abandoned()))),
            Kind::WaitForCancel { .. } => Some(Outcome::CancelAsked(None)),
            Kind::CreateWebhook { .. }
            | Kind::CloseWebhook { .. }
            | Kind::Respond { .. }
            | Kind::Begin { .. }
            | Kind::Abandon { .. } => None,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// `run` returned a result.
    Completed(Payload),
    /// `run` returned an error, trapped, hit a limit, or waited for nothing that can happen.
    Failed {
        /// Why.
        failure: Failure,
        /// Where in the guest, when it trapped.
        backtrace: Option<String>,
    },
}
