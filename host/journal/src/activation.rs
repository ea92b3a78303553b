//! Activations: the units of a run's execution, and what the journal records about each.

use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, decode_body, encode_as, encoded_len, split_version};
use crate::{
    CallError, Delivery, Digest, Failure, Fields, Kind, Moment, Operation, OperationNumber, Origin,
    Payload, Response, RunOutcome, Time,
};

/// One unit of a run's execution: a completion was delivered, and the guest ran until it had nothing more to do or
/// ended. It is also the unit of the journal, which is committed as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activation {
    /// When the activation was made, in steady time.
    pub time: Time,
    /// The completion that was delivered. None only for the first activation, in which the guest is called with its
    /// input.
    pub completion: Option<Completion>,
    /// The operations that the guest made, in order.
    pub operations: Vec<Operation>,
    /// The number of log lines that the guest wrote. The lines are kept beside the journal.
    pub log_lines: u32,
    /// How the run ended, if it did.
    pub end: Option<End>,
    /// How far wall time was ahead of steady time, in milliseconds. The guest's clock reads wall time. Records of
    /// version 1 do not have this field; its value was always 0 then.
    pub shift: i64,
    /// Where the completion came from, so that it can be put back there. None for the first activation. Records up to
    /// version 2 do not have this field.
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

    /// Returns the record of this activation in the journal.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode_as(Self::VERSION, self)
    }

    /// Returns the size of that record in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        encoded_len(self)
    }

    /// Decodes a record of any version.
    ///
    /// # Errors
    /// When the bytes have another version, or are not the record of an activation.
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

    /// Returns the moment at which the activation was made.
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
    /// The operation that completes.
    pub operation: OperationNumber,
    /// The outcome of the operation.
    pub outcome: Outcome,
}

/// The outcome of an operation. New outcomes must be added at the end, because the order is the format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// The outcome of `wait-for-webhook`: a request, or none after a timeout or `abandon`.
    Delivery(Option<Delivery>),
    /// The outcome of `call`.
    Response(Result<Response, CallError>),
    /// The outcome of `sleep` and `sleep-until`.
    Slept,
    /// The outcome of `wait-for-event`: an event, or none after a timeout or `abandon`.
    Event(Option<Payload>),
    /// The outcome of `notify`: the number of waits that the event reached.
    Notified(u32),
    /// The outcome of `start-run`: the id of the run, or the reason why no run was started.
    Started(Result<String, Failure>),
    /// The outcome of `wait-for-run`: how the run ended, none after a timeout or `abandon`, or the reason why the wait
    /// is not allowed.
    RunEnded(Result<Option<RunOutcome>, Failure>),
    /// The outcome of `cancel-run`: true if there was a run to cancel, or the reason why that is not allowed.
    RunCancelled(Result<bool, Failure>),
    /// The outcome of `wait-for-cancel`: the reason of the request to cancel, or none after a timeout or `abandon`.
    CancelAsked(Option<String>),
}

impl Outcome {
    /// Returns true if a retry does the operation again, in case the run failed after it got this outcome: a call that
    /// ended with an error or a status of 400 or more, or a run that did not complete. An operation that was given up
    /// is not done again.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        match self {
            Outcome::Response(Ok(response)) => response.status >= 400,
            Outcome::Response(Err(error)) => *error != CallError::Abandoned,
            Outcome::RunEnded(Ok(Some(outcome))) => !matches!(outcome, RunOutcome::Completed(_)),
            _ => false,
        }
    }

    /// Returns true if the called service has given a definite answer, so that the same request is another request from
    /// now on.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        match self {
            Outcome::Response(Ok(response)) => !matches!(response.status, 408 | 425 | 429 | 500..),
            _ => false,
        }
    }

    /// Returns true if nobody knows whether the called service has got the request.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, Outcome::Response(Err(error)) if error.is_in_doubt())
    }

    /// Returns the outcome of an operation of this kind that is given up or timed out. None for kinds that never
    /// complete.
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
    /// `run` returned an error, trapped, exceeded a limit, or waited although nothing could happen.
    Failed {
        /// The reason.
        failure: Failure,
        /// The place in the guest, if it trapped.
        backtrace: Option<String>,
    },
}
