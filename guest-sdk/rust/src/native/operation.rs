//! Operations that wait, as a test sees them.

use crate::bindings::dormouse::workflow::http::{CallError, CallOptions};
use crate::bindings::dormouse::workflow::runs::{CancelOptions, RunOutcome, StartOptions};
use crate::bindings::dormouse::workflow::types::{Failure, Payload, Request, Response};
use crate::bindings::dormouse::workflow::webhooks::Delivery;

/// The request of an operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OperationRequest {
    Webhook {
        id: String,
        timeout: Option<u64>,
    },
    Call(Box<(Request, CallOptions)>),
    Sleep(u64),
    SleepUntil(u64),
    Event {
        event: String,
        timeout: Option<u64>,
    },
    Notify {
        event: String,
        run: Option<String>,
        payload: Payload,
    },
    Start(Box<(String, Payload, StartOptions)>),
    Run {
        run: String,
        timeout: Option<u64>,
    },
    CancelRun(String, CancelOptions),
    Cancel {
        timeout: Option<u64>,
    },
}

/// The outcome of an operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Delivery(Option<Delivery>),
    Response(Box<Result<Response, CallError>>),
    Slept,
    Event(Option<Payload>),
    Notified(u32),
    Started(Result<String, Failure>),
    RunEnded(Result<Option<RunOutcome>, Failure>),
    RunCancelled(Result<bool, Failure>),
    CancelAsked(Option<String>),
}

impl Outcome {
    /// Panics: the outcome is of another kind than the operation, which never happens.
    pub(crate) fn misplaced(self) -> ! {
        unreachable!("an operation was completed with {self:?}")
    }
}

impl OperationRequest {
    /// Returns the operation with all its arguments as a text, by which a replay compares it.
    pub(crate) fn describe(&self, step: &str) -> String {
        format!("{step:?} {self:?}")
    }

    /// Returns when the operation ends by itself, if it was made at this time.
    pub(crate) fn deadline(&self, made: u64) -> Option<u64> {
        match self {
            OperationRequest::Sleep(span) => Some(made.saturating_add(*span)),
            OperationRequest::SleepUntil(instant) => Some(*instant),
            OperationRequest::Webhook { timeout, .. }
            | OperationRequest::Event { timeout, .. }
            | OperationRequest::Run { timeout, .. }
            | OperationRequest::Cancel { timeout } => timeout.map(|span| made.saturating_add(span)),
            OperationRequest::Call(_)
            | OperationRequest::Notify { .. }
            | OperationRequest::Start(_)
            | OperationRequest::CancelRun(..) => None,
        }
    }

    /// Returns the outcome of the operation when its time is over.
    pub(crate) fn timed_out(&self) -> Outcome {
        match self {
            OperationRequest::Webhook { .. } => Outcome::Delivery(None),
            OperationRequest::Event { .. } => Outcome::Event(None),
            OperationRequest::Run { .. } => Outcome::RunEnded(Ok(None)),
            OperationRequest::Cancel { .. } => Outcome::CancelAsked(None),
            _ => Outcome::Slept,
        }
    }
}
