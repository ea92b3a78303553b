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
    /// A run that was started.
    Started {
        /// Its id.
        run: String,
    },
    /// A run that was waited for has completed.
    RunCompleted {
        /// The media type of its output.
        content_type: String,
        /// Its output.
        body: Content,
    },
    /// A run that was waited for has failed.
    RunFailed(Failure),
    /// A run that was waited for was cancelled.
    RunCancelled {
        /// Why.
        reason: String,
    },
    /// There is no such run as was waited for.
    RunGone,
    /// What was asked of another run was not done.
    Refused(Failure),
    /// A cancel of another run.
    Cancelled {
        /// Whether it was there and had not ended.
        alive: bool,
    },
    /// The run was asked to cancel.
    CancelAsked {
        /// Why.
        reason: String,
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
        /// How it treats what is sent to it.
        #[serde(flatten)]
        options: Box<WebhookOptions>,
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
        /// How many attempts are made at most. None if there are as many as there is time for.
        attempts: Option<u32>,
        /// How long after the call was made no attempt begins any more. None if it is never given up.
        #[serde(default)]
        give_up_after_ms: Option<u64>,
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
    /// `start-run`
    StartRun {
        /// The workflow.
        workflow: String,
        /// Its version, if another than the current one was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// What becomes of it when this run ends: `cancel` or `leave`.
        when_parent_ends: String,
    },
    /// `wait-for-run`
    WaitForRun {
        /// The run's id.
        run: String,
        /// How long, at most.
        timeout_ms: Option<u64>,
    },
    /// `cancel-run`
    CancelRun {
        /// The run's id.
        run: String,
        /// How long it may take to end by itself.
        grace_ms: Option<u64>,
    },
    /// `wait-for-cancel`
    WaitForCancel {
        /// How long, at most.
        timeout_ms: Option<u64>,
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
