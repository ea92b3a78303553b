//! The journal of a run: its activations, with what was delivered and what was decided in each. How this is made from
//! what is recorded is in `recorded`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Content, Failure, HeaderField, Timestamp, WebhookOptions};

/// A page of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalPage {
    /// The activations, oldest first.
    pub activations: Vec<Activation>,
    /// Where the next page begins. Absent at the end of what is recorded so far.
    pub next: Option<String>,
}

/// One activation: a result was delivered, and the workflow went on until it waited again or ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Activation {
    /// The number of the activation.
    pub activation: u32,
    /// The time, as the workflow's clock had it.
    pub time: Timestamp,
    /// The result that was delivered. Absent only in the first activation, which begins with the run's input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion: Option<Completion>,
    /// The operations made, in order.
    pub operations: Vec<Operation>,
    /// The number of lines that were logged.
    pub log_lines: u32,
    /// How the run ended, if it ended in this activation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// The result of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Completion {
    /// The number of the operation.
    pub operation: u32,
    /// The result of the operation.
    pub outcome: Outcome,
}

/// The result of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    /// A request to a webhook.
    Delivery {
        /// The id of the request, with which its caller was answered.
        id: String,
        /// When the request was accepted.
        accepted: Timestamp,
        /// The request.
        request: RequestView,
    },
    /// The response to a call.
    Response(ResponseView),
    /// A call that got no response.
    Error {
        /// The code of the error, such as `timed-out`.
        code: String,
        /// A message, if the code does not say everything.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// An event.
    Event {
        /// The media type of the event's data.
        content_type: String,
        /// The event's data.
        body: Content,
    },
    /// A wait that ended without a result: its deadline passed, or it was given up.
    None,
    /// A sleep that is over.
    Slept,
    /// A notify that was sent.
    Notified {
        /// The number of waits that the event reached.
        reached: u32,
    },
    /// A run that was started.
    Started {
        /// The id of the run.
        run: String,
    },
    /// A run that was waited for has completed.
    RunCompleted {
        /// The media type of the run's output.
        content_type: String,
        /// The run's output.
        body: Content,
    },
    /// A run that was waited for has failed.
    RunFailed(Failure),
    /// A run that was waited for was cancelled.
    RunCancelled {
        /// The reason.
        reason: String,
    },
    /// The run that was waited for does not exist, or no longer exists.
    RunGone,
    /// The start, the wait or the cancel of another run was refused.
    Refused(Failure),
    /// A cancel of another run.
    Cancelled {
        /// True if the run existed and had not ended.
        alive: bool,
    },
    /// The run was asked to cancel.
    CancelAsked {
        /// The reason.
        reason: String,
    },
}

/// A request, without its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestView {
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The headers, in order. A name may occur several times.
    pub headers: Vec<HeaderField>,
    /// The body.
    pub body: Content,
}

/// A response, without its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResponseView {
    /// The status.
    pub status: u16,
    /// The headers, in order. A name may occur several times.
    pub headers: Vec<HeaderField>,
    /// The body.
    pub body: Content,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    /// The number of the operation in its run.
    pub operation: u32,
    /// The step name, which the author chose.
    pub step: String,
    /// The digest of the arguments, which replay compares.
    pub digest: String,
    /// The import that was called, and those of its arguments that are recorded.
    #[serde(flatten)]
    pub details: OperationDetails,
}

/// The import that was called, and those of its arguments that are recorded. Spans of time are in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum OperationDetails {
    /// `create-webhook`
    CreateWebhook {
        /// The number of the webhook in its run.
        webhook: u32,
        /// The URL of the webhook.
        url: String,
        /// How the webhook treats requests.
        #[serde(flatten)]
        options: Box<WebhookOptions>,
    },
    /// `wait-for-webhook`
    WaitForWebhook {
        /// The webhook's number.
        webhook: u32,
        /// The timeout. Null if there is none.
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
        /// The status of the answer.
        status: u16,
    },
    /// `call`
    Call {
        /// The method.
        method: String,
        /// The URL.
        url: String,
        /// The largest number of attempts. Null if no number limits them.
        attempts: Option<u32>,
        /// The time after which the call is given up, counted from when it was made. Null if no time limits the attempts.
        #[serde(default)]
        give_up_after_ms: Option<u64>,
    },
    /// `sleep`
    Sleep {
        /// The length of the sleep.
        duration_ms: u64,
    },
    /// `sleep-until`
    SleepUntil {
        /// The end of the sleep.
        until: Timestamp,
    },
    /// `wait-for-event`
    WaitForEvent {
        /// The event's name.
        event: String,
        /// The timeout. Null if there is none.
        timeout_ms: Option<u64>,
    },
    /// `notify`
    Notify {
        /// The event's name.
        event: String,
        /// The only run that gets the event. Absent if the event goes to all that wait for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        run: Option<String>,
    },
    /// `begin`: a memoised step
    Begin {
        /// The outcome of the step. Absent if it has not finished.
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<StepOutcome>,
    },
    /// `abandon`, or waits that the workflow dropped
    Abandon {
        /// The numbers of the operations that are given up.
        operations: Vec<u32>,
    },
    /// `start-run`
    StartRun {
        /// The workflow.
        workflow: String,
        /// The version, if the run asked for another than the current one.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// What becomes of the started run when this run ends: `cancel` or `leave`.
        when_parent_ends: String,
    },
    /// `wait-for-run`
    WaitForRun {
        /// The run's id.
        run: String,
        /// The timeout. Null if there is none.
        timeout_ms: Option<u64>,
    },
    /// `cancel-run`
    CancelRun {
        /// The run's id.
        run: String,
        /// How long the run may take to end by itself.
        grace_ms: Option<u64>,
    },
    /// `wait-for-cancel`
    WaitForCancel {
        /// The timeout. Null if there is none.
        timeout_ms: Option<u64>,
    },
}

/// The outcome of a step whose result is recorded.
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
    /// The run returned a result.
    Completed {
        /// The media type of the result.
        content_type: String,
        /// The result.
        body: Content,
    },
    /// The run returned an error, trapped, or hit a limit.
    Failed(Failure),
}
