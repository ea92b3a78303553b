//! What a decision of a guest asks of the store.

use dormouse_engine::{Decision, Effect};
use dormouse_journal::{End, Failure, RunId, Source, encode};
use dormouse_store::{Call, NewActivation, NewCall, NewNotify, NewResponse, NotifyTarget};

/// What is filled in and bounded.
pub(crate) struct DecisionLimits {
    /// Bytes of a run's journal.
    pub(crate) journal: u64,
    /// Timeout of one attempt at a call, in milliseconds, unless the workflow sets one.
    pub(crate) call_timeout: u64,
}

impl DecisionLimits {
    /// Returns the activation to be committed. `journal_bytes` is the size of the run's journal before it.
    pub(crate) fn apply(
        &self,
        run: RunId,
        mut decision: Decision,
        source: Option<Source>,
        journal_bytes: u64,
    ) -> NewActivation {
        let size = journal_bytes + encode(&decision.activation).len() as u64;
        if size > self.journal && decision.activation.end.is_none() {
            decision.effects.clear();
            decision.activation.end = Some(self.too_long(size));
        }
        let mut new = NewActivation {
            activation: decision.activation,
            source,
            calls: Vec::new(),
            notifies: Vec::new(),
            responses: Vec::new(),
            logs: decision.logs,
            logged: decision.logged as u64,
        };
        for effect in decision.effects {
            self.add(run, effect, &mut new);
        }
        new
    }

    fn too_long(&self, size: u64) -> End {
        let limit = self.journal;
        End::Failed {
            failure: Failure {
                code: "limit".into(),
                message: format!(
                    "the journal of this run would have {size} bytes, and may have {limit}; the setting is \
                     `journal-limit`. Long loops with large bodies are better split into several runs"
                ),
            },
            backtrace: None,
        }
    }

    fn add(&self, run: RunId, effect: Effect, new: &mut NewActivation) {
        match effect {
            Effect::Call {
                operation,
                request,
                options,
            } => {
                let call = Call {
                    request,
                    retry: options.retry.unwrap_or_default(),
                    timeout: options.timeout.unwrap_or(self.call_timeout),
                    redirects: options.redirects,
                    idempotency_key: options
                        .idempotency_key
                        .unwrap_or_else(|| format!("{run}-{operation}")),
                    secret_headers: options.secret_headers,
                };
                new.calls.push(NewCall { operation, call });
            }
            Effect::Notify {
                operation,
                event,
                run,
                payload,
            } => {
                let to = match run.map(|run| run.parse()) {
                    None => NotifyTarget::Everyone,
                    Some(Ok(run)) => NotifyTarget::Run(run),
                    Some(Err(_)) => NotifyTarget::Nobody,
                };
                new.notifies.push(NewNotify {
                    operation,
                    event,
                    to,
                    payload,
                });
            }
            Effect::Respond { delivery, response } => {
                new.responses.push(NewResponse { delivery, response });
            }
        }
    }
}
