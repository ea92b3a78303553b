//! Operations: the durable calls that a run makes, and their records.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Failure, Fields, OperationNumber, Payload, RetryPolicy, Time, WebhookNumber,
    WebhookOptions, WhenParentEnds,
};

/// An operation as the journal records it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The step name that the author gave the operation.
    pub step: String,
    /// The digest of the operation's arguments.
    pub digest: Digest,
    /// The kind of the operation, with those arguments and immediate results that are kept.
    pub kind: Kind,
    /// Short digests of the arguments that the kind does not have. Records of versions 1 and 2 have none.
    pub fields: Fields,
}

/// The kind of an operation. New kinds must be added at the end, because the order is the format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// `create-webhook`. The URL is recorded because the public URL may change with the next start.
    CreateWebhook {
        /// The number of the webhook.
        webhook: WebhookNumber,
        /// The URL that the guest was given.
        url: String,
        /// How the webhook handles requests.
        options: WebhookOptions,
    },
    /// `wait-for-webhook`
    WaitForWebhook {
        /// The webhook.
        webhook: WebhookNumber,
        /// The timeout in milliseconds, from the time of the activation.
        timeout: Option<u64>,
    },
    /// `close-webhook`
    CloseWebhook {
        /// The webhook.
        webhook: WebhookNumber,
    },
    /// `respond`
    Respond {
        /// The id of the delivery.
        delivery: String,
        /// The status of the response.
        status: u16,
    },
    /// `call`
    Call {
        /// The method.
        method: String,
        /// The URL.
        url: String,
        /// The retry policy, including default values.
        retry: RetryPolicy,
    },
    /// `sleep`
    Sleep {
        /// The duration in milliseconds, from the time of the activation.
        duration: u64,
    },
    /// `sleep-until`
    SleepUntil {
        /// The date at which the sleep ends.
        instant: Time,
    },
    /// `wait-for-event`
    WaitForEvent {
        /// The name of the event.
        event: String,
        /// The timeout in milliseconds, from the time of the activation.
        timeout: Option<u64>,
    },
    /// `notify`
    Notify {
        /// The name of the event.
        event: String,
        /// The run that the event is for. None for all runs that wait for it.
        run: Option<String>,
    },
    /// `begin`
    Begin {
        /// The result that `finish` recorded. None while the step runs, and for ever if the run failed in the step.
        outcome: Option<Result<Payload, Failure>>,
    },
    /// `abandon`, or a dropped future
    Abandon {
        /// The operations that are given up.
        operations: Vec<OperationNumber>,
        /// True if the guest dropped the futures, so that no result comes back.
        dropped: bool,
    },
    /// `start-run`
    StartRun {
        /// The name of the workflow.
        workflow: String,
        /// The version. None for the current version.
        version: Option<String>,
        /// What happens to the started run when this run ends.
        when_parent_ends: WhenParentEnds,
    },
    /// `wait-for-run`
    WaitForRun {
        /// The run.
        run: String,
        /// The timeout in milliseconds, from the time of the activation.
        timeout: Option<u64>,
    },
    /// `cancel-run`
    CancelRun {
        /// The run.
        run: String,
        /// The grace period in milliseconds. None to cancel at once.
        grace: Option<u64>,
    },
    /// `wait-for-cancel`
    WaitForCancel {
        /// The timeout in milliseconds, from the time of the activation.
        timeout: Option<u64>,
    },
}

impl Kind {
    /// Returns the name of the import.
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

    /// Returns true if the guest waits for a completion of the operation.
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

    /// Returns true if an outcome of the operation is certain, or may come from outside. False only for a wait for a
    /// request to cancel without a timeout: nothing else happens to such a run by itself.
    #[must_use]
    pub fn can_wake(&self) -> bool {
        !matches!(self, Kind::WaitForCancel { timeout: None })
    }

    /// Returns true if the host carries the operation out after it was decided, and then gives its result to the run.
    #[must_use]
    pub fn is_order(&self) -> bool {
        matches!(self, Kind::StartRun { .. } | Kind::CancelRun { .. })
    }

    /// Returns the steady time at which an operation that was made at `issued` ends by itself. None for operations that
    /// end at a date.
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

    /// Returns the date at which the operation ends by itself, in wall time.
    #[must_use]
    pub fn date(&self) -> Option<Time> {
        match self {
            Kind::SleepUntil { instant } => Some(*instant),
            _ => None,
        }
    }
}

/// Formats the operation in one line, as error messages show it.
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

/// Returns a URL without its query, which often contains a key. The result may appear in logs.
pub(crate) fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

fn write_timeout(timeout: Option<u64>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match timeout {
        Some(timeout) => write!(f, "timeout {timeout} ms"),
        None => write!(f, "no timeout"),
    }
}
