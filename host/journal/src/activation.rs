//! Activations: the slices of a run's execution, and what one of them records.

use serde::{Deserialize, Serialize};

use crate::{CallError, Delivery, Failure, Operation, OperationNumber, Payload, Response, Time};

/// One slice of a run: a completion was delivered, and the guest ran until it was quiescent or ended. This is the unit
/// of the journal; it is committed whole or not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activation {
    /// What the guest's clock read.
    pub time: Time,
    /// What was delivered. None for the first activation only, in which the guest is called with its input.
    pub completion: Option<Completion>,
    /// The operations made, in order.
    pub operations: Vec<Operation>,
    /// How many log lines were written. They are kept beside the journal.
    pub log_lines: u32,
    /// How the run ended, if it did.
    pub end: Option<End>,
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
}

impl Outcome {
    /// What an operation of this kind gives when it is given up or timed out. None for kinds that never complete.
    #[must_use]
    pub fn given_up(kind: &crate::Kind) -> Option<Outcome> {
        use crate::Kind;
        match kind {
            Kind::WaitForWebhook { .. } => Some(Outcome::Delivery(None)),
            Kind::Call { .. } => Some(Outcome::Response(Err(CallError::Abandoned))),
            Kind::Sleep { .. } | Kind::SleepUntil { .. } => Some(Outcome::Slept),
            Kind::WaitForEvent { .. } => Some(Outcome::Event(None)),
            Kind::Notify { .. } => Some(Outcome::Notified(0)),
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
