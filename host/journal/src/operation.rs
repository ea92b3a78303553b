//! Operations: the durable calls that a run makes, as they are made and as they are recorded.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Failure, Fields, OperationNumber, Payload, RetryPolicy, Time, WebhookNumber,
    WebhookOptions, WhenParentEnds,
};

/// An operation as it is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// What the author calls it.
    pub step: String,
    /// Of its arguments.
    pub digest: Digest,
    /// What it is, and what of its arguments and its immediate result is worth keeping.
    pub kind: Kind,
    /// Short digests of those fields of its arguments that its kind does not have. Records of versions 1 and 2 have none.
    pub fields: Fields,
}

/// What an operation is. New kinds go to the end: the order is the format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// `create-webhook`. The URL is recorded, since the public URL may be another at the next start.
    CreateWebhook {
        /// Its number.
        webhook: WebhookNumber,
        /// What the guest was given.
        url: String,
        /// How it treats what is sent to it.
        options: WebhookOptions,
    },
    /// `wait-for-webhook`
    WaitForWebhook {
        /// The webhook.
        webhook: WebhookNumber,
        /// Milliseconds from the activation's time.
        timeout: Option<u64>,
    },
    /// `close-webhook`
    CloseWebhook {
        /// The webhook.
        webhook: WebhookNumber,
    },
    /// `respond`
    Respond {
        /// The delivery.
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
        /// The policy in force, defaults filled in.
        retry: RetryPolicy,
    },
    /// `sleep`
    Sleep {
        /// Milliseconds from the activation's time.
        duration: u64,
    },
    /// `sleep-until`
    SleepUntil {
        /// When it ends.
        instant: Time,
    },
    /// `wait-for-event`
    WaitForEvent {
        /// Its name.
        event: String,
        /// Milliseconds from the activation's time.
        timeout: Option<u64>,
    },
    /// `notify`
    Notify {
        /// Its name.
        event: String,
        /// To this run only.
        run: Option<String>,
    },
    /// `begin`
    Begin {
        /// What `finish` recorded. None while the step runs, and for ever when the run failed in it.
        outcome: Option<Result<Payload, Failure>>,
    },
    /// `abandon`, or a dropped future
    Abandon {
        /// What is given up.
        operations: Vec<OperationNumber>,
        /// Whether nothing is to come back.
        dropped: bool,
    },
    /// `start-run`
    StartRun {
        /// Of this workflow.
        workflow: String,
        /// Of this version rather than the current one.
        version: Option<String>,
        /// What becomes of it when this run ends.
        when_parent_ends: WhenParentEnds,
    },
    /// `wait-for-run`
    WaitForRun {
        /// The run.
        run: String,
        /// Milliseconds from the activation's time.
        timeout: Option<u64>,
    },
    /// `cancel-run`
    CancelRun {
        /// The run.
        run: String,
        /// How long it may take to end by itself, in milliseconds.
        grace: Option<u64>,
    },
    /// `wait-for-cancel`
    WaitForCancel {
        /// Milliseconds from the activation's time.
        timeout: Option<u64>,
    },
}

impl Kind {
    /// The name of the import.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Kind::CreateWebhook { .. } => "create-webhook",
            Kind::WaitForWebhook { .. } => "wait-for-webhook",
            Kind::CloseWebhook { .. } => "close-webhook",
            Kind::Respond { .. } => "respond",
            Kind::Call { .. } => "call",
            Kind::Sleep { .. } => "sleep",
            Kind::SleepUntil { .. } => "sleep-until",
            Kind::WaitForEvent { .. } => "wait-for-event",
            Kind::Notify { .. } => "notify",
            Kind::Begin { .. } => "begin",
            Kind::Abandon { .. } => "abandon",
            Kind::StartRun { .. } => "start-run",
            Kind::WaitForRun { .. } => "wait-for-run",
            Kind::CancelRun { .. } => "cancel-run",
            Kind::WaitForCancel { .. } => "wait-for-cancel",
        }
    }

    /// Whether the guest waits for a completion of it.
    #[must_use]
    pub fn completes(&self) -> bool {
        match self {
            Kind::WaitForWebhook { .. }
            | Kind::Call { .. }
            | Kind::Sleep { .. }
            | Kind::SleepUntil { .. }
            | Kind::WaitForEvent { .. }
            | Kind::Notify { .. }
            | Kind::StartRun { .. }
            | Kind::WaitForRun { .. }
            | Kind::CancelRun { .. }
            | Kind::WaitForCancel { .. } => true,
            Kind::CreateWebhook { .. }
            | Kind::CloseWebhook { .. }
            | Kind::Respond { .. }
            | Kind::Begin { .. }
            | Kind::Abandon { .. } => false,
        }
    }

    /// Whether something that it can complete with is sure to happen, or can happen in the outside world. Nothing happens
    /// by itself to a run that only waits to be asked to cancel.
    #[must_use]
    pub fn can_wake(&self) -> bool {
        !matches!(self, Kind::WaitForCancel { timeout: None })
    }

    /// Whether the host carries it out after it was decided, and tells the run what came of it.
    #[must_use]
    pub fn is_order(&self) -> bool {
        matches!(self, Kind::StartRun { .. } | Kind::CancelRun { .. })
    }

    /// When it ends by itself, if made at `issued`, in steady time. None for what ends at a date.
    #[must_use]
    pub fn deadline(&self, issued: Time) -> Option<Time> {
        match self {
            Kind::WaitForWebhook { timeout, .. }
            | Kind::WaitForEvent { timeout, .. }
            | Kind::WaitForRun { timeout, .. }
            | Kind::WaitForCancel { timeout } => timeout.map(|timeout| issued.after(timeout)),
            Kind::Sleep { duration } => Some(issued.after(*duration)),
            _ => None,
        }
    }

    /// The date at which it ends by itself, in wall time.
    #[must_use]
    pub fn date(&self) -> Option<Time> {
        match self {
            Kind::SleepUntil { instant } => Some(*instant),
            _ => None,
        }
    }
}

/// The operation in one line, as error texts show it.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kind.name(), self.step)?;
        match &self.kind {
            Kind::WaitForWebhook { webhook, timeout } => {
                write!(f, " (webhook {webhook}, ")?;
                write_timeout(*timeout, f)?;
                write!(f, ")")
            }
            Kind::CloseWebhook { webhook } | Kind::CreateWebhook { webhook, .. } => {
                write!(f, " (webhook {webhook})")
            }
            Kind::Respond { delivery, status } => {
                write!(f, " (delivery {delivery}, status {status})")
            }
            Kind::Call { method, url, .. } => write!(f, " ({method} {})", without_query(url)),
            Kind::Sleep { duration } => write!(f, " ({duration} ms)"),
            Kind::SleepUntil { instant } => write!(f, " (until {} ms)", instant.0),
            Kind::WaitForEvent { event, timeout } => {
                write!(f, " (event {event:?}, ")?;
                write_timeout(*timeout, f)?;
                write!(f, ")")
            }
            Kind::Notify {
                event,
                run: Some(run),
            } => write!(f, " (event {event:?}, run {run})"),
            Kind::Notify { event, run: None } => write!(f, " (event {event:?})"),
            Kind::Begin { .. } => Ok(()),
            Kind::Abandon { operations, .. } => {
                let numbers: Vec<String> = operations.iter().map(ToString::to_string).collect();
                write!(f, " (operations {})", numbers.join(", "))
            }
            Kind::StartRun { workflow, .. } => write!(f, " (workflow {workflow:?})"),
            Kind::WaitForRun { run, timeout } => {
                write!(f, " (run {run}, ")?;
                write_timeout(*timeout, f)?;
                write!(f, ")")
            }
            Kind::CancelRun { run, .. } => write!(f, " (run {run})"),
            Kind::WaitForCancel { timeout } => {
                write!(f, " (")?;
                write_timeout(*timeout, f)?;
                write!(f, ")")
            }
        }
    }
}

/// A URL's query often carries a key, and this text ends up in logs.
pub(crate) fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

fn write_timeout(timeout: Option<u64>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match timeout {
        Some(timeout) => write!(f, "timeout {timeout} ms"),
        None => write!(f, "no timeout"),
    }
}
