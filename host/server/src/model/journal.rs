//! The journal of a run: its activations, with what was delivered and what was decided in each.

use dormouse_journal::{CallError, Kind, Payload, Request, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Content, Failure, HeaderField, InlineBudget, Timestamp};

/// A page of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalPage {
    /// The activations, oldest first.
    pub activations: Vec<Activation>,
    /// Where the next page begins. Absent at the end of what is recorded so far.
    pub next: Option<String>,
}

/// One slice of a run: something was delivered, and the workflow went on until it waited again or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Activation {
    /// Its number.
    pub activation: u32,
    /// What the workflow's clock read.
    pub time: Timestamp,
    /// What was delivered. Absent in the first activation only, which begins with the run's input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion: Option<Completion>,
    /// The operations made, in order.
    pub operations: Vec<Operation>,
    /// How many lines were logged.
    pub log_lines: u32,
    /// How the run ended, if it did here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// What came of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Completion {
    /// Which operation.
    pub operation: u32,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    /// A webhook's request.
    Delivery {
        /// What its caller was answered with.
        id: String,
        /// When it was accepted.
        accepted: Timestamp,
        /// The request.
        request: RequestView,
    },
    /// The response to a call.
    Response(ResponseView),
    /// No response to a call.
    Error {
        /// Such as `timed-out`.
        code: String,
        /// More, where there is more to say.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// An event.
    Event {
        /// The media type of what was sent with it.
        content_type: String,
        /// What was sent with it.
        body: Content,
    },
    /// A wait that ended without anything: its deadline passed, or it was given up.
    None,
    /// A sleep that is over.
    Slept,
    /// A notify that was sent.
    Notified {
        /// How many waits it reached.
        reached: u32,
    },
}

/// A request, credentials left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestView {
    /// Its method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// In order, with repeats.
    pub headers: Vec<HeaderField>,
    /// Its body.
    pub body: Content,
}

/// A response, credentials left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResponseView {
    /// Its status.
    pub status: u16,
    /// In order, with repeats.
    pub headers: Vec<HeaderField>,
    /// Its body.
    pub body: Content,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    /// Its number in the run.
    pub operation: u32,
    /// What the author calls it.
    pub step: String,
    /// What replay compares: a digest of the arguments.
    pub digest: String,
    /// The import that was called, and what of its arguments is recorded.
    #[serde(flatten)]
    pub details: OperationDetails,
}

/// The import that was called, and what of its arguments is recorded. Spans of time are in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum OperationDetails {
    /// `create-webhook`
    CreateWebhook {
        /// Its number in the run.
        webhook: u32,
        /// Its URL.
        url: String,
        /// The methods that reach the run.
        methods: Vec<String>,
    },
    /// `wait-for-webhook`
    WaitForWebhook {
        /// The webhook's number.
        webhook: u32,
        /// How long, at most.
        timeout_ms: Option<u64>,
    },
    /// `close-webhook`
    CloseWebhook {
        /// The webhook's number.
        webhook: u32,
    },
    /// `respond`
    Respond {
        /// The delivery's id.
        delivery: String,
        /// The status sent.
        status: u16,
    },
    /// `call`
    Call {
        /// The method.
        method: String,
        /// The URL.
        url: String,
        /// How many attempts are made at most.
        attempts: u32,
    },
    /// `sleep`
    Sleep {
        /// How long.
        duration_ms: u64,
    },
    /// `sleep-until`
    SleepUntil {
        /// Until when.
        until: Timestamp,
    },
    /// `wait-for-event`
    WaitForEvent {
        /// The event's name.
        event: String,
        /// How long, at most.
        timeout_ms: Option<u64>,
    },
    /// `notify`
    Notify {
        /// The event's name.
        event: String,
        /// The only run that gets it.
        #[serde(skip_serializing_if = "Option::is_none")]
        run: Option<String>,
    },
    /// `begin`: a memoised step
    Begin {
        /// What it gave. Absent while it has not finished.
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<StepOutcome>,
    },
    /// `abandon`, or waits that the workflow dropped
    Abandon {
        /// The numbers of what is given up.
        operations: Vec<u32>,
    },
}

/// What a memoised step gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// A value.
    Value(Content),
    /// A failure.
    Failure(Failure),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It returned a result.
    Completed {
        /// The media type of the result.
        content_type: String,
        /// The result.
        body: Content,
    },
    /// It returned an error, trapped, or hit a limit.
    Failed(Failure),
}

impl Activation {
    /// An activation as it is recorded. `first` is the number of its first operation.
    pub fn of(
        number: u32,
        first: u32,
        activation: &dormouse_journal::Activation,
        budget: &mut InlineBudget,
    ) -> Self {
        let completion = activation.completion.as_ref().map(|completion| Completion {
            operation: completion.operation.0,
            outcome: Outcome::of(&completion.outcome, budget),
        });
        let operations = (first..)
            .zip(&activation.operations)
            .map(|(number, operation)| Operation {
                operation: number,
                step: operation.step.clone(),
                digest: operation.digest.to_string(),
                details: OperationDetails::of(&operation.kind, budget),
            })
            .collect();
        Activation {
            activation: number,
            time: activation.time.into(),
            completion,
            operations,
            log_lines: activation.log_lines,
            end: activation.end.as_ref().map(|end| End::of(end, budget)),
        }
    }
}

impl Outcome {
    fn of(outcome: &dormouse_journal::Outcome, budget: &mut InlineBudget) -> Self {
        use dormouse_journal::Outcome as Recorded;
        match outcome {
            Recorded::Delivery(Some(delivery)) => Outcome::Delivery {
                id: delivery.id.clone(),
                accepted: delivery.accepted.into(),
                request: RequestView::of(&delivery.request, budget),
            },
            Recorded::Event(Some(Payload { content_type, body })) => Outcome::Event {
                content_type: content_type.clone(),
                body: budget.show(body),
            },
            Recorded::Delivery(None) | Recorded::Event(None) => Outcome::None,
            Recorded::Response(Ok(response)) => {
                Outcome::Response(ResponseView::of(response, budget))
            }
            Recorded::Response(Err(error)) => Outcome::Error {
                code: call_error_code(error).into(),
                message: call_error_message(error),
            },
            Recorded::Slept => Outcome::Slept,
            Recorded::Notified(reached) => Outcome::Notified { reached: *reached },
        }
    }
}

impl RequestView {
    fn of(request: &Request, budget: &mut InlineBudget) -> Self {
        RequestView {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: HeaderField::show(&request.headers),
            body: budget.show(&request.body),
        }
    }
}

impl ResponseView {
    fn of(response: &Response, budget: &mut InlineBudget) -> Self {
        ResponseView {
            status: response.status,
            headers: HeaderField::show(&response.headers),
            body: budget.show(&response.body),
        }
    }
}

impl OperationDetails {
    fn of(kind: &Kind, budget: &mut InlineBudget) -> Self {
        match kind {
            Kind::CreateWebhook {
                webhook,
                url,
                options,
            } => OperationDetails::CreateWebhook {
                webhook: webhook.0,
                url: url.clone(),
                methods: options
                    .delivered_methods()
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
            },
            Kind::WaitForWebhook { webhook, timeout } => OperationDetails::WaitForWebhook {
                webhook: webhook.0,
                timeout_ms: *timeout,
            },
            Kind::CloseWebhook { webhook } => OperationDetails::CloseWebhook { webhook: webhook.0 },
            Kind::Respond { delivery, status } => OperationDetails::Respond {
                delivery: delivery.clone(),
                status: *status,
            },
            Kind::Call { method, url, retry } => OperationDetails::Call {
                method: method.clone(),
                url: url.clone(),
                attempts: retry.attempts,
            },
            Kind::Sleep { duration } => OperationDetails::Sleep {
                duration_ms: *duration,
            },
            Kind::SleepUntil { instant } => OperationDetails::SleepUntil {
                until: (*instant).into(),
            },
            Kind::WaitForEvent { event, timeout } => OperationDetails::WaitForEvent {
                event: event.clone(),
                timeout_ms: *timeout,
            },
            Kind::Notify { event, run } => OperationDetails::Notify {
                event: event.clone(),
                run: run.clone(),
            },
            Kind::Begin { outcome } => OperationDetails::Begin {
                outcome: outcome.as_ref().map(|outcome| match outcome {
                    Ok(value) => StepOutcome::Value(budget.show(&value.body)),
                    Err(failure) => StepOutcome::Failure(failure_of(failure, None)),
                }),
            },
            Kind::Abandon { operations, .. } => OperationDetails::Abandon {
                operations: operations.iter().map(|operation| operation.0).collect(),
            },
        }
    }
}

impl End {
    fn of(end: &dormouse_journal::End, budget: &mut InlineBudget) -> Self {
        match end {
            dormouse_journal::End::Completed(Payload { content_type, body }) => End::Completed {
                content_type: content_type.clone(),
                body: budget.show(body),
            },
            dormouse_journal::End::Failed { failure, backtrace } => {
                End::Failed(failure_of(failure, backtrace.clone()))
            }
        }
    }
}

fn failure_of(failure: &dormouse_journal::Failure, backtrace: Option<String>) -> Failure {
    Failure {
        code: failure.code.clone(),
        message: failure.message.clone(),
        backtrace,
    }
}

/// A call's error as the contract spells it.
pub(crate) fn call_error_code(error: &CallError) -> &'static str {
    match error {
        CallError::Denied(_) => "denied",
        CallError::Invalid(_) => "invalid",
        CallError::TimedOut => "timed-out",
        CallError::Unreachable(_) => "unreachable",
        CallError::TooLarge(_) => "too-large",
        CallError::Interrupted => "interrupted",
        CallError::Abandoned => "abandoned",
        CallError::Other(_) => "other",
    }
}

fn call_error_message(error: &CallError) -> Option<String> {
    match error {
        CallError::Denied(why) | CallError::Invalid(why) | CallError::Unreachable(why) => {
            Some(why.clone())
        }
        CallError::TooLarge(size) => Some(format!("larger than {size} bytes")),
        CallError::Other(failure) => Some(format!("{}: {}", failure.code, failure.message)),
        CallError::TimedOut | CallError::Interrupted | CallError::Abandoned => None,
    }
}
