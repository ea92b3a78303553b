//! Problems with events that a run or the host does not accept.

use dormouse_journal::RunId;
use dormouse_limits::{INBOX, INBOX_BYTES, STORAGE, WORKFLOW_STORAGE};
use dormouse_runtime::NotifyError;
use http::StatusCode;

use super::{Problem, RETRY_ROOM};

impl Problem {
    /// The run has ended and accepts no events.
    #[must_use]
    pub fn takes_no_events(run: RunId) -> Self {
        let detail = format!("run {run} has ended, and takes no more events");
        Problem::new(StatusCode::GONE, "run-ended", detail)
    }

    /// The run has failed and accepts events only after a retry.
    #[must_use]
    pub fn takes_events_if_retried() -> Self {
        Problem::run_failed("this run has failed; it accepts events again if it is retried")
    }

    /// The run's inbox for the event is full.
    #[must_use]
    pub fn inbox_full(run: RunId, event: &str) -> Self {
        let detail = format!(
            "run {run} has not taken the events {event:?} that were sent before, and can keep no more; the settings \
             are `{INBOX}` and `{INBOX_BYTES}`"
        );
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "inbox-full", detail).retry_after(RETRY_ROOM)
    }

    /// The run uses all disk space that it may use.
    #[must_use]
    pub fn run_storage_full(run: RunId) -> Self {
        let detail = format!(
            "run {run} uses all disk space that it may, and accepts nothing before it has taken what was sent earlier; the \
             setting is `{STORAGE}`"
        );
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "run-storage-full", detail)
            .retry_after(RETRY_ROOM)
    }

    /// The runs of the workflow use all disk space that they may use.
    #[must_use]
    pub fn workflow_storage_full(run: RunId) -> Self {
        let detail = format!(
            "the runs of the workflow of run {run} use all disk space that they may; the setting is \
             `{WORKFLOW_STORAGE}`"
        );
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "workflow-storage-full",
            detail,
        )
        .retry_after(RETRY_ROOM)
    }
}

impl From<NotifyError> for Problem {
    fn from(error: NotifyError) -> Self {
        match error {
            NotifyError::Full => {
                let (status, code) = (StatusCode::TOO_MANY_REQUESTS, "events-full");
                Problem::new(status, code, error.to_string()).retry_after(RETRY_ROOM)
            }
            NotifyError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}
