//! What an activation decided, and what can come between.

use dormouse_journal::{
    Activation, Arguments, CallOptions, Kind, LogLine, Mismatch, OperationNumber, Payload, Request,
    Response,
};

/// What comes of an activation. All of it is committed at once, and only then performed.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// For the journal.
    pub activation: Activation,
    /// To be performed. Of an activation in which `run` returned only answers to callers are left; of one that failed
    /// otherwise, nothing.
    pub effects: Vec<Effect>,
    /// The log lines written. They are kept when the run failed as well.
    pub logs: Vec<LogLine>,
    /// The bytes of the run's log so far, to be passed to [`Launch`](crate::Launch) when the run is rebuilt.
    pub logged: usize,
}

/// Something for the host to do. What it does comes back as the operation's completion, if it has one.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a request.
    Call {
        /// Which operation this is.
        operation: OperationNumber,
        /// What to send.
        request: Request,
        /// How, with the retry policy filled in.
        options: CallOptions,
    },
    /// Send an event.
    Notify {
        /// Which operation this is.
        operation: OperationNumber,
        /// Its name.
        event: String,
        /// To this run only. It may be no run at all.
        run: Option<String>,
        /// What to send.
        payload: Payload,
    },
    /// Answer the caller of a delivery. Nothing comes back of that.
    Respond {
        /// The delivery.
        delivery: String,
        /// What its caller gets.
        response: Response,
    },
}

impl Effect {
    /// Whether this is a request of that operation. One that is given up before it was ever sent is not sent; an event
    /// is, whether anybody waits to hear whom it reached or not.
    pub(crate) fn is_call(&self, number: OperationNumber) -> bool {
        matches!(self, Effect::Call { operation, .. } if *operation == number)
    }

    /// Whether it is done even if the run ends in the activation that decided it.
    pub(crate) fn outlives_run(&self) -> bool {
        matches!(self, Effect::Respond { .. })
    }

    /// What an operation asks of the host, if anything.
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
            _ => None,
        }
    }
}

/// An activation that came to no decision. The instance is of no further use; the run is not at fault, and is rebuilt or
/// blocked.
#[derive(Debug, thiserror::Error)]
pub enum Interruption {
    /// The guest does not repeat its journal.
    #[error(transparent)]
    Mismatch(Box<Mismatch>),
    /// A step was finished, and [`Launch::rebuild_after_step`](crate::Launch::rebuild_after_step) is on: replay the
    /// journal in a new instance, and go on there with this.
    #[error("the instance is to be rebuilt after a step")]
    Rebuild(Box<Decision>),
    /// The pool has no room for an instance now. It will when another is dropped.
    #[error("every slot for instances is taken")]
    PoolFull,
    /// The host's own trouble.
    #[error("{0}")]
    Host(String),
}
