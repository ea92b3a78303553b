//! The outcome of an activation: what it decided, or what interrupted it.

use dormouse_journal::{
    Activation, Arguments, CallOptions, CancelOptions, Digest, Kind, Labels, LogLine, Mismatch,
    NextGeneration, OperationNumber, Payload, Request, Response, StartOptions, WebhookNumber,
};

/// What an activation decided. All of it is committed at once, and only then performed.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The record for the journal.
    pub activation: Activation,
    /// What the host is to perform. If `run` returned in this activation, answers to callers, and with a result also what
    /// it asked of other runs, as when its generation ends; if the run failed in another way, nothing.
    pub effects: Vec<Effect>,
    /// Webhooks that the run had before it was taken back, whose places others have taken. They close.
    pub replaced: Vec<WebhookNumber>,
    /// What the run goes on with, if its generation ends. The activation is then not to be recorded: the generation goes
    /// with its journal.
    pub next: Option<Box<NextGeneration>>,
    /// True if the run ends otherwise than by returning a result or an error: its code is to blame.
    pub broke: bool,
    /// The lines that were logged. They are kept even if the run failed.
    pub logs: Vec<LogLine>,
    /// The size in bytes of the run's log so far. When the run is rebuilt, it is passed on in
    /// [`Launch::logged`](crate::Launch::logged).
    pub logged: usize,
    /// The labels that were set.
    pub labels: Labels,
}

impl Decision {
    /// Returns the digest of the arguments of an operation that was made here. So many were made before.
    #[must_use]
    pub fn digest_of(&self, operation: OperationNumber, before: u32) -> Option<Digest> {
        let place = operation.0.checked_sub(before)?;
        let made = self.activation.operations.get(place as usize)?;
        Some(made.digest)
    }
}

/// Something that the host is to perform. Its outcome comes back as the operation's completion, if it has one.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a request.
    Call {
        /// The operation that asks for this.
        operation: OperationNumber,
        /// The request.
        request: Request,
        /// How to send it. The retry policy is always set.
        options: CallOptions,
    },
    /// Send an event.
    Notify {
        /// The operation that asks for this.
        operation: OperationNumber,
        /// The event's name.
        event: String,
        /// The id of the only run that gets the event; there may be no such run. None if it goes to all that wait for
        /// it.
        run: Option<String>,
        /// What the event carries.
        payload: Payload,
    },
    /// Answer the caller of a delivery. This has no outcome.
    Respond {
        /// The delivery's id.
        delivery: String,
        /// What the caller gets.
        response: Response,
    },
    /// Start a run.
    StartRun {
        /// The operation that asks for this.
        operation: OperationNumber,
        /// Of this workflow.
        workflow: String,
        /// What it is given.
        input: Payload,
        /// How.
        options: StartOptions,
    },
    /// Cancel a run.
    CancelRun {
        /// The operation that asks for this.
        operation: OperationNumber,
        /// The text that names it; there may be no such run.
        run: String,
        /// How.
        options: CancelOptions,
    },
}

impl Effect {
    /// Returns whether this is the request of that operation. A request that is given up before it was sent is not
    /// sent. An event is sent, even if the workflow no longer waits to learn whom it reached.
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

    /// Returns what a new operation asks of the host. None if it asks nothing.
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

/// Why an activation came to no decision. The instance is of no further use. The run does not fail: it is rebuilt, or
/// blocked until somebody helps.
#[derive(Debug, thiserror::Error)]
pub enum Interruption {
    /// The guest does not repeat its journal.
    #[error(transparent)]
    Mismatch(Box<Mismatch>),
    /// A step was finished, and [`Launch::rebuild_after_step`](crate::Launch::rebuild_after_step) is set. The caller is
    /// to replay the journal in a new instance, and to go on there with this part of a decision.
    #[error("the instance is to be rebuilt after a step")]
    Rebuild(Box<Decision>),
    /// The pool has no room for another instance until one is dropped.
    #[error("every slot for instances is taken")]
    PoolFull,
    /// The host has no memory left for what the guest needs. It goes on when its whole limit is reserved for it.
    #[error(
        "the host has no memory left for a guest; the setting is `{}`",
        dormouse_limits::MEMORY_BUDGET
    )]
    NoMemory,
    /// The host itself is in trouble.
    #[error("{0}")]
    Host(String),
}
