//! The outcome of an activation: its decision, or the reason why it was interrupted.

use dormouse_journal::{
    Activation, Arguments, CallOptions, CancelOptions, Digest, Kind, Labels, LogLine, Mismatch,
    NextGeneration, OperationNumber, Payload, Request, Response, StartOptions, WebhookNumber,
};

/// The decision of an activation. All of it is committed at once, and only then performed.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The record for the journal.
    pub activation: Activation,
    /// The effects that the host must perform. If `run` returned in this activation, only answers to callers, and after a
    /// result or the end of a generation also the requests to other runs. If the run failed in another way, none.
    pub effects: Vec<Effect>,
    /// Webhooks that the run had before it was taken back, and whose places were taken by others. They are closed.
    pub replaced: Vec<WebhookNumber>,
    /// The next generation of the run, if the present one ends. The activation is then not recorded, because the
    /// journal of its generation is removed.
    pub next: Option<Box<NextGeneration>>,
    /// True if the run ends without returning a result or an error. Its code is to blame.
    pub broke: bool,
    /// The lines that the guest logged. They are kept even if the run failed.
    pub logs: Vec<LogLine>,
    /// The size of the run's log so far, in bytes. When the run is rebuilt, it is passed on in
    /// [`InstanceParts::logged`](crate::InstanceParts::logged).
    pub logged: usize,
    /// The labels that the guest set.
    pub labels: Labels,
}

impl Decision {
    /// Returns the digest of the arguments of an operation of this activation. `before` is the number of operations
    /// before it.
    #[must_use]
    pub fn digest_of(&self, operation: OperationNumber, before: u32) -> Option<Digest> {
        let place = operation.0.checked_sub(before)?;
        let made = self.activation.operations.get(place as usize)?;
        Some(made.digest)
    }
}

/// Something that the host must perform. Its outcome comes back as the operation's completion, if it has one.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a request.
    Call {
        /// The operation that asks for this.
        operation: OperationNumber,
        /// The request.
        request: Request,
        /// The options of the call. The retry policy is always set.
        options: CallOptions,
    },
    /// Send an event.
    Notify {
        /// The operation that asks for this.
        operation: OperationNumber,
        /// The name of the event.
        event: String,
        /// The id of the only run that gets the event; there may be no such run. None if it goes to all runs that wait
        /// for it.
        run: Option<String>,
        /// The payload of the event.
        payload: Payload,
    },
    /// Answer the caller of a delivery. This has no outcome.
    Respond {
        /// The id of the delivery.
        delivery: String,
        /// The response for its caller.
        response: Response,
    },
    /// Start a run.
    StartRun {
        /// The operation that asks for this.
        operation: OperationNumber,
        /// The name of the workflow.
        workflow: String,
        /// The input of the new run.
        input: Payload,
        /// The options of the start.
        options: StartOptions,
    },
    /// Cancel a run.
    CancelRun {
        /// The operation that asks for this.
        operation: OperationNumber,
        /// The text that names the run; there may be no such run.
        run: String,
        /// The options of the cancel.
        options: CancelOptions,
    },
}

impl Effect {
    /// Returns whether this is the request of that operation. A request that is given up before it was sent is not
    /// sent. An event is sent even if the workflow no longer waits to learn how many waits it reached.
    pub(crate) fn is_call(&self, number: OperationNumber) -> bool {
        matches!(self, Effect::Call { operation, .. } if *operation == number)
    }

    /// Returns whether this is performed even if the run ends by itself in the activation that decided it.
    pub(crate) fn outlives_run(&self, completed: bool) -> bool {
        match self {
            Effect::Respond { .. } => true,
            Effect::StartRun { .. } | Effect::CancelRun { .. } => completed,
            Effect::Call { .. } | Effect::Notify { .. } => false,
        }
    }

    /// Returns the effect of a new operation. None if it has no effect.
    pub(crate) fn of(
        operation: OperationNumber,
        arguments: Arguments,
        kind: &Kind,
    ) -> Option<Self> {
        match (arguments, kind) {
            (
                Arguments::Call {
                    request,
                    mut options,
                },
                Kind::Call { retry, .. },
            ) => {
                options.retry = Some(*retry);
                Some(Effect::Call {
                    operation,
                    request,
                    options,
                })
            }
            (
                Arguments::Notify {
                    event,
                    run,
                    payload,
                },
                _,
            ) => Some(Effect::Notify {
                operation,
                event,
                run,
                payload,
            }),
            (Arguments::Respond { delivery, response }, _) => {
                Some(Effect::Respond { delivery, response })
            }
            (
                Arguments::StartRun {
                    workflow,
                    input,
                    options,
                },
                _,
            ) => Some(Effect::StartRun {
                operation,
                workflow,
                input,
                options,
            }),
            (Arguments::CancelRun { run, options }, _) => Some(Effect::CancelRun {
                operation,
                run,
                options,
            }),
            _ => None,
        }
    }
}

/// The reason why an activation has no decision. The instance cannot be used any more. The run does not fail: it is
/// rebuilt, or blocked until somebody helps.
#[derive(Debug, thiserror::Error)]
pub enum Interruption {
    /// The guest does not repeat its journal.
    #[error(transparent)]
    Mismatch(Box<Mismatch>),
    /// A step was finished, and [`InstanceParts::rebuild_after_step`](crate::InstanceParts::rebuild_after_step) is set. The caller
    /// must replay the journal in a new instance, and continue there with this part of a decision.
    #[error("the instance is to be rebuilt after a step")]
    Rebuild(Box<Decision>),
    /// The pool has no room for another instance until one is dropped.
    #[error("every slot for instances is taken")]
    PoolFull,
    /// The host has no memory left for what the guest needs. The guest continues when its whole limit is reserved for
    /// it.
    #[error(
        "the host has no memory left for a guest; the setting is `{}`",
        dormouse_limits::MEMORY_BUDGET
    )]
    NoMemory,
    /// The host itself has trouble.
    #[error("{0}")]
    Host(String),
}
