//! Problems with runs that do not exist, were not started, or have the wrong status for a request.

use axum::response::Response;
use dormouse_journal::{OperationNumber, RunId, Status};
use dormouse_runtime::StartError;
use http::StatusCode;

use super::{Problem, RETRY_FAILED, RETRY_ROOM};

impl Problem {
    /// No run has this id.
    #[must_use]
    pub fn unknown_run(run: RunId) -> Self {
        let detail = format!("there is no run {run}: it never existed, or its retention is over");
        Problem::new(StatusCode::NOT_FOUND, "unknown-run", detail)
    }

    /// The run has ended, so it cannot be cancelled.
    #[must_use]
    pub fn already_ended(run: RunId, status: Status) -> Self {
        let ended = status.after_has();
        let detail = format!("run {run} has {ended} already, and cannot be cancelled");
        Problem::new(StatusCode::CONFLICT, "run-ended", detail)
    }

    /// The run has ended, so it cannot be paused.
    #[must_use]
    pub fn not_to_be_paused(run: RunId, status: Status) -> Self {
        let ended = status.after_has();
        let detail = format!("run {run} has {ended}, and cannot be paused");
        Problem::new(StatusCode::CONFLICT, "run-ended", detail)
    }

    /// The run has failed, and accepts nothing unless it is retried.
    #[must_use]
    pub fn run_failed(detail: &str) -> Self {
        Problem::unavailable("run-failed", detail, RETRY_FAILED)
    }

    /// The run is not blocked, so it cannot be resumed.
    #[must_use]
    pub fn not_blocked(run: RunId, status: Status) -> Self {
        let detail = format!(
            "run {run} is {status}; only a paused or blocked run can be resumed, and only a blocked or failed run can be retried"
        );
        Problem::new(StatusCode::CONFLICT, "not-blocked", detail)
    }

    /// The run has not ended, so it cannot be deleted.
    #[must_use]
    pub fn alive(run: RunId, status: Status) -> Self {
        let detail = format!(
            "run {run} is {status}; only a run that has ended can be deleted: cancel it first"
        );
        Problem::new(StatusCode::CONFLICT, "not-ended", detail)
    }

    /// The run has no output yet.
    #[must_use]
    pub fn not_ended(run: RunId, status: Status) -> Self {
        let detail = format!("run {run} is {status}, and has no output yet");
        Problem::new(StatusCode::NOT_FOUND, "not-ended", detail)
    }

    /// The run will never have an output.
    #[must_use]
    pub fn no_output(run: RunId, status: Status) -> Self {
        let detail = format!(
            "run {run} has {}, and has no output; `dormouse show {run}`, or `GET /v1/runs/{run}`, says why",
            status.after_has()
        );
        Problem::new(StatusCode::CONFLICT, "no-output", detail)
    }

    /// Returns the answer to a caller that waited for the output of a run without one. Its code is that of the run's
    /// failure.
    pub fn without_output(run: RunId, status: Status, code: String) -> Response {
        let detail = format!("run {run} has {}, and has no output", status.after_has());
        Problem::new(StatusCode::BAD_GATEWAY, "no-output", detail).with_code(code)
    }

    /// The request of the call is no longer kept, or there never was one.
    #[must_use]
    pub fn request_not_kept(run: RunId, operation: OperationNumber) -> Self {
        let detail = format!(
            "the host keeps no request of operation {operation} of run {run}: the operation is not a call, or the call has a \
             result or was given up; `dormouse calls {run}`, or `waiting` of `GET /v1/runs/{run}`, lists the calls without a result"
        );
        Problem::new(StatusCode::NOT_FOUND, "request-not-kept", detail)
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        let (status, code) = match &error {
            StartError::UnknownWorkflow(_) => (StatusCode::NOT_FOUND, "unknown-workflow"),
            StartError::UnknownVersion(_) => (StatusCode::NOT_FOUND, "unknown-version"),
            StartError::Deleted(_) => (StatusCode::GONE, "workflow-deleted"),
            StartError::OtherInput(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused")
            }
            StartError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "run-storage-full"),
            StartError::WorkflowFull(_) => {
                let (status, code) = (StatusCode::TOO_MANY_REQUESTS, "workflow-storage-full");
                return Problem::new(status, code, error.to_string()).retry_after(RETRY_ROOM);
            }
            StartError::Unavailable(unavailable) => return unavailable.clone().into(),
        };
        Problem::new(status, code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use dormouse_store::WriteError;

    use super::*;
    use crate::problem::tests::check;

    #[test]
    fn starts() {
        check(
            StartError::UnknownWorkflow("w".into()),
            404,
            "unknown-workflow",
        );
        check(
            StartError::UnknownVersion("w".into()),
            404,
            "unknown-version",
        );
        check(StartError::Deleted("w".into()), 410, "workflow-deleted");
        check(
            StartError::OtherInput(RunId([0; 16])),
            422,
            "idempotency-key-reused",
        );
        check(
            StartError::Unavailable(WriteError::Full.into()),
            503,
            "disk-full",
        );
    }
}
