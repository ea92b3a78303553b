//! What a caller reads when something did not work: RFC 9457 problem details, each with a stable code.
//!
//! What goes wrong below is mapped to a status and a code here. What only one layer knows, such as a head that is malformed
//! or a token that is missing, becomes a [`Problem`] where it is found. The text for the caller says what to do. What only
//! the operator can act on (a disk that fails, a damaged row) goes to the log and not to the caller.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use dormouse_api::request::{Malformed, NotASecret, NotLabels};
use dormouse_api::{Difference, ProblemBody};
use dormouse_component::Invalid;
use dormouse_journal::{OperationNumber, Response as Answer, RunId, Status};
use dormouse_limits::{INBOX, INBOX_BYTES, Limit, STORAGE, WORKFLOW_STORAGE};
use dormouse_runtime::{
    CompileFailure, DeployError, Exceeded, ForgetError, NotifyError, RepairError, Scope,
    SecretTrouble, SetSecretError, SetTriggerError, StartError, Unavailable,
};
use dormouse_store::{BackupError, PausedBy, ReadError, WriteError};
use dormouse_webhook::provider::Providers;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::health::Degraded;

/// The media type of RFC 9457.
pub const CONTENT: &str = "application/problem+json";

/// Seconds after which to try again when the host is starting anew, or about to.
const RETRY_RESTART: &str = "5";

/// Seconds after which to try again when somebody has to make room: on the disk, in an inbox.
const RETRY_ROOM: &str = "30";

/// Seconds after which a request that was refused because its run has failed may be sent again: somebody has to retry the run.
const RETRY_FAILED: &str = "60";

/// Why a request was not answered as asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    difference: Option<Box<Difference>>,
    /// The response that is sent instead, to a provider that expects another one.
    instead: Option<Box<Answer>>,
}

impl Problem {
    /// A problem. The code is for programs and never changes; the detail is for people, and says what to do.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            status,
            code,
            detail: detail.into(),
            headers: Vec::new(),
            difference: None,
            instead: None,
        }
    }

    /// Sends this response instead of the problem. The problem is still counted.
    #[must_use]
    pub fn answered_by(mut self, instead: Option<Answer>) -> Self {
        self.instead = instead.map(Box::new);
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Something in the request is not as it must be; `what` names it, such as "query parameter `limit`".
    pub fn malformed(code: &'static str, what: &str, why: impl std::fmt::Display) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, code, format!("{what} {why}"))
    }

    /// A body that is larger than its setting allows.
    #[must_use]
    pub fn too_large(limit: u64, setting: &Limit) -> Self {
        let detail = format!(
            "the body is larger than the {limit} bytes allowed here; the setting is `{setting}`"
        );
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
    }

    /// A body that is larger than any of its kind, whatever the settings.
    #[must_use]
    pub fn too_large_always(limit: u64) -> Self {
        let detail = format!("the body is larger than the {limit} bytes that are allowed here");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
    }

    /// A body from a sender whose bodies use all memory that one sender may have.
    #[must_use]
    pub fn memory_share() -> Self {
        let detail = "the bodies that are being sent to this address use all memory that it may have; send fewer at the same time";
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "memory-share",
            detail.to_owned(),
        )
        .retry_after(RETRY_ROOM)
    }

    /// A body for which the host has no memory left.
    #[must_use]
    pub fn no_memory() -> Self {
        let detail = format!(
            "the host has no memory left for this body; the setting is `{}`",
            dormouse_limits::MEMORY_BUDGET
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-memory", detail).retry_after(RETRY_ROOM)
    }

    /// A body with a `Content-Encoding` where none is taken (RFC 9110, section 15.5.16).
    #[must_use]
    pub fn encoded(encoding: &[u8]) -> Self {
        let shown: String = String::from_utf8_lossy(encoding).chars().take(40).collect();
        let detail = format!(
            "the body has the Content-Encoding {shown:?}, and the host decodes none here; send the body without an encoding"
        );
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-encoding",
            detail,
        )
        .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
    }

    /// A body that broke off.
    pub fn incomplete(error: impl std::fmt::Display) -> Self {
        let detail = format!("the body could not be read to its end: {error}");
        Problem::new(StatusCode::BAD_REQUEST, "incomplete-body", detail)
    }

    /// A body that came too slowly.
    #[must_use]
    pub fn too_slow() -> Self {
        let detail = "the body came too slowly, and the host stopped reading it; the setting is `body-timeout`";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "request-timeout", detail)
    }

    /// A request to a webhook that came too soon after others.
    #[must_use]
    pub fn too_fast(exceeded: Exceeded) -> Self {
        let what = match exceeded.scope {
            Scope::Webhook => "this webhook",
            Scope::Run => "this webhook's run",
            Scope::Host => "this host",
        };
        let detail = format!(
            "{what} gets more requests per second than it may, and this one was refused; the setting is `{}`",
            exceeded.setting
        );
        // Whole seconds, and not one too few.
        let seconds = exceeded.retry_after_ms.div_ceil(1_000);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-fast", detail)
            .with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// A host that takes no work now, for this reason, and what else does not work as it should.
    #[must_use]
    pub fn not_ready(why: &str, degraded: &[Degraded]) -> Self {
        let mut detail = why.to_owned();
        for degraded in degraded {
            detail += &format!(
                "; degraded: {} ({})",
                degraded.name(),
                degraded.explanation()
            );
        }
        Problem::unavailable("not-ready", &detail, RETRY_RESTART)
    }

    /// A secret that cannot be opened. Which one is for the log alone.
    #[must_use]
    pub fn secret_unavailable(trouble: &SecretTrouble) -> Self {
        tracing::error!(%trouble, "a secret cannot be used");
        let detail = "the host cannot open a secret that it needs for this; its log says which";
        Problem::unavailable("secret-unavailable", detail, RETRY_ROOM)
    }

    /// No run has this id.
    #[must_use]
    pub fn unknown_run(run: RunId) -> Self {
        let detail = format!("there is no run {run}: it never existed, or its retention is over");
        Problem::new(StatusCode::NOT_FOUND, "unknown-run", detail)
    }

    /// No workflow has this name.
    #[must_use]
    pub fn unknown_workflow(name: &str) -> Self {
        let detail = format!("there is no workflow {name:?}: deploy it first");
        Problem::new(StatusCode::NOT_FOUND, "unknown-workflow", detail)
    }

    /// No secret has this name.
    #[must_use]
    pub fn unknown_secret(name: &str) -> Self {
        let detail = format!("there is no secret {name:?}: set it first");
        Problem::new(StatusCode::NOT_FOUND, "unknown-secret", detail)
    }

    /// No trigger has this name.
    #[must_use]
    pub fn unknown_trigger(name: &str) -> Self {
        SetTriggerError::Unknown(name.to_owned()).into()
    }

    /// What a trigger is set to makes no sense.
    #[must_use]
    pub fn invalid_trigger(why: String) -> Self {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-trigger", why)
    }

    /// A provider that the host does not know.
    #[must_use]
    pub fn unknown_provider(name: &str, known: &Providers) -> Self {
        let shown: String = name.chars().take(64).collect();
        let detail = format!(
            "this host knows no provider {shown:?}: {}",
            known.instead_of(name)
        );
        Problem::new(StatusCode::NOT_FOUND, "unknown-provider", detail)
    }

    /// A run that has ended cannot be cancelled.
    #[must_use]
    pub fn already_ended(run: RunId, status: Status) -> Self {
        let ended = status.after_has();
        let detail = format!("run {run} has {ended} already, and cannot be cancelled");
        Problem::new(StatusCode::CONFLICT, "run-ended", detail)
    }

    /// A run that has ended cannot be paused.
    #[must_use]
    pub fn not_to_be_paused(run: RunId, status: Status) -> Self {
        let ended = status.after_has();
        let detail = format!("run {run} has {ended}, and cannot be paused");
        Problem::new(StatusCode::CONFLICT, "run-ended", detail)
    }

    /// A run that has ended takes no events.
    #[must_use]
    pub fn takes_no_events(run: RunId) -> Self {
        let detail = format!("run {run} has ended, and takes no more events");
        Problem::new(StatusCode::GONE, "run-ended", detail)
    }

    /// A run that has failed and may be retried takes no events meanwhile.
    #[must_use]
    pub fn takes_events_if_retried() -> Self {
        Problem::run_failed("this run has failed; it takes events again if it is retried")
    }

    /// A run that has failed and may be retried takes nothing meanwhile.
    #[must_use]
    pub fn run_failed(detail: &str) -> Self {
        Problem::unavailable("run-failed", detail, RETRY_FAILED)
    }

    /// A run's inbox for an event has no room.
    #[must_use]
    pub fn inbox_full(run: RunId, event: &str) -> Self {
        let detail = format!(
            "run {run} has not taken the events {event:?} that were sent before, and can keep no more; the settings \
             are `{INBOX}` and `{INBOX_BYTES}`"
        );
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "inbox-full", detail).retry_after(RETRY_ROOM)
    }

    /// A run owns as much on the disk as it may.
    #[must_use]
    pub fn run_storage_full(run: RunId) -> Self {
        let detail = format!(
            "run {run} uses all disk space that it may, and accepts nothing before it has taken what was sent earlier; the \
             setting is `{STORAGE}`"
        );
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "run-storage-full", detail)
            .retry_after(RETRY_ROOM)
    }

    /// The runs of a workflow own as much on the disk as they may.
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

    /// Only a blocked run can be resumed.
    #[must_use]
    pub fn not_blocked(run: RunId, status: Status) -> Self {
        let detail = format!(
            "run {run} is {status}; only a paused or blocked run can be resumed, and only a blocked or failed run can be retried"
        );
        Problem::new(StatusCode::CONFLICT, "not-blocked", detail)
    }

    /// A run was not repaired.
    #[must_use]
    pub fn not_repaired(run: RunId, error: RepairError) -> Self {
        let conflict = |code, detail| Problem::new(StatusCode::CONFLICT, code, detail);
        match error {
            RepairError::UnknownRun => Problem::unknown_run(run),
            RepairError::UnknownVersion { workflow } => StartError::UnknownVersion(workflow).into(),
            RepairError::NotBlocked(status) => Problem::not_blocked(run, status),
            RepairError::PausedAbove { by, ref workflow } => {
                let (what, command) = match by {
                    PausedBy::Workflow => (
                        format!("its workflow {workflow:?} is"),
                        format!("dormouse resume --workflow {workflow}"),
                    ),
                    PausedBy::Above(above) => (
                        format!("run {above}, with which it ends, is paused or has failed"),
                        format!("dormouse resume {above}` or `dormouse retry {above}"),
                    ),
                    _ => ("the host is".into(), "dormouse resume --host".into()),
                };
                let detail =
                    format!("run {run} itself is not paused, but {what}; `{command}` resumes it");
                conflict("paused-above", detail)
            }
            RepairError::Ended(status) => conflict(
                "run-ended",
                format!(
                    "run {run} has {}, and cannot go on; `dormouse restart {run}` starts a new run with its input",
                    status.after_has()
                ),
            ),
            RepairError::OtherVersion(version) => conflict(
                "other-version",
                format!(
                    "run {run} is on version {version}, which is not the version that was named, so it was not moved"
                ),
            ),
            RepairError::Failed => conflict(
                "run-ended",
                format!(
                    "run {run} has failed, and can only be moved by a retry: `dormouse retry --on VERSION {run}`"
                ),
            ),
            RepairError::SameAgain { code } => conflict(
                "same-again",
                format!(
                    "run {run} would break again with {code}: neither its code nor its limits have changed. Deploy a corrected \
                     version and retry; `dormouse retry --anyway {run}` retries it nevertheless"
                ),
            ),
            RepairError::SameAnswers { code, bad } => {
                let steps = bad.iter().map(|step| {
                    let (name, answer) = (&step.step, &step.answer);
                    format!("{name:?} ({answer}): `{}`", step.command(run))
                });
                let steps: Vec<String> = steps.collect();
                let steps = match steps.is_empty() {
                    true => String::new(),
                    false => format!(
                        " Steps that had a bad answer, each with the command that does it again: {}.",
                        steps.join(", ")
                    ),
                };
                conflict(
                    "same-again",
                    format!(
                        "run {run} would fail again with {code}: its last result was not an error, and neither its code nor \
                         its limits have changed.{steps} Deploy a corrected version and retry, or start a new run with \
                         `dormouse restart {run}`; `dormouse retry --anyway {run}` retries it nevertheless"
                    ),
                )
            }
            RepairError::AtMostOnce { operation, step } => conflict(
                "at-most-once",
                format!(
                    "the call {step:?} (operation {operation}) of run {run} may be sent only once, and it is not known whether it \
                     arrived. `dormouse retry --from {operation} {run}` sends it again"
                ),
            ),
            RepairError::HandlerRunning { handler } => {
                let what = match handler {
                    Some(handler) => format!(
                        "run {handler}, which was started because of its failure, has not ended"
                    ),
                    None => "the run that is started because of its failure has not begun".into(),
                };
                conflict(
                    "handler-running",
                    format!(
                        "the failure of run {run} is being handled: {what}. Retry it when that run has ended; \
                         `dormouse retry --anyway {run}` retries it nevertheless"
                    ),
                )
            }
            RepairError::UnknownStep { step, last } => Problem::new(
                StatusCode::NOT_FOUND,
                "unknown-step",
                format!(
                    "run {run} has made no step {step:?} in this generation.{} `dormouse journal {run}` lists all steps",
                    last_steps(&last)
                ),
            ),
            RepairError::Unanswered {
                operation,
                step,
                last,
            } => conflict(
                "unanswered",
                format!(
                    "the step {step:?} (operation {operation}) of run {run} has no result yet, so there is nothing to take back.{} \
                     To name an earlier step of the same name, give its number",
                    last_steps(&last)
                ),
            ),
            RepairError::RecordsTooOld => conflict(
                "records-too-old",
                format!(
                    "an earlier version of the host wrote a part of the journal of run {run} that would be set aside, and did not \
                     record where its results came from. Name a later step, or start a new run: `dormouse restart {run}`"
                ),
            ),
            RepairError::TakenBackTooOften => conflict(
                "taken-back-too-often",
                format!(
                    "run {run} was taken back to later and later steps as often as is allowed. Name an earlier step, or start a \
                     new run: `dormouse restart {run}`"
                ),
            ),
            RepairError::FailureTold { parent } => conflict(
                "failure-told",
                format!(
                    "run {parent}, which started run {run}, was told of its failure, or has ended itself: it may have handled the \
                     failure. `dormouse retry --anyway {run}` retries run {run} nevertheless"
                ),
            ),
            RepairError::ChildGone { child, status } => {
                let what = status.map_or_else(
                    || "was removed".to_owned(),
                    |status| format!("has {} for good", status.after_has()),
                );
                conflict(
                    "child-gone",
                    format!(
                        "run {run} waits for run {child}, which it started, and which {what}: that run cannot be retried. \
                         `dormouse restart {run}` starts a new run with the input of run {run}"
                    ),
                )
            }
            RepairError::Child { child, error } => {
                let mut problem = Problem::not_repaired(child, *error);
                let why = &problem.detail;
                problem.detail = format!(
                    "run {run} waits for run {child}, which must be retried first, and cannot be: {why}"
                );
                problem
            }
            RepairError::Differs(mismatch) => {
                let difference = Difference::of(&mismatch);
                let arguments = match difference.differs.as_slice() {
                    [] => String::new(),
                    names => format!(" Arguments that differ: {}.", names.join(", ")),
                };
                let detail = format!(
                    "that version does not repeat the journal of run {run}: operation {} was recorded as {}; that version \
                     made {}.{arguments} Nothing has changed",
                    mismatch.number, mismatch.expected, mismatch.found
                );
                let mut problem = conflict("differs", detail);
                problem.difference = Some(Box::new(difference));
                problem
            }
            RepairError::Busy => conflict(
                "busy",
                format!("run {run} is busy, or the host has no room to check it; try again"),
            )
            .retry_after(RETRY_RESTART),
            RepairError::Unusable(why) => conflict(
                "version-unusable",
                format!("the version cannot be executed: {why}"),
            ),
            RepairError::Unavailable(unavailable) => unavailable.into(),
        }
    }

    /// A run that has not ended cannot be deleted.
    #[must_use]
    pub fn alive(run: RunId, status: Status) -> Self {
        let detail = format!(
            "run {run} is {status}; only a run that has ended can be deleted: cancel it first"
        );
        Problem::new(StatusCode::CONFLICT, "not-ended", detail)
    }

    /// The output of a run that has none yet.
    #[must_use]
    pub fn not_ended(run: RunId, status: Status) -> Self {
        let detail = format!("run {run} is {status}, and has no output yet");
        Problem::new(StatusCode::NOT_FOUND, "not-ended", detail)
    }

    /// The output of a run that will never have one.
    #[must_use]
    pub fn no_output(run: RunId, status: Status) -> Self {
        let detail = format!(
            "run {run} has {}, and has no output; `dormouse show {run}`, or `GET /v1/runs/{run}`, says why",
            status.after_has()
        );
        Problem::new(StatusCode::CONFLICT, "no-output", detail)
    }

    /// The request of a call that is not kept any more, or never was.
    #[must_use]
    pub fn request_not_kept(run: RunId, operation: OperationNumber) -> Self {
        let detail = format!(
            "the host keeps no request of operation {operation} of run {run}: the operation is not a call, or the call has a \
             result or was given up; `dormouse calls {run}`, or `waiting` of `GET /v1/runs/{run}`, lists the calls without a result"
        );
        Problem::new(StatusCode::NOT_FOUND, "request-not-kept", detail)
    }

    /// There is one backup at a time.
    #[must_use]
    pub fn backup_running() -> Self {
        let detail = "another backup is being made or fetched; try again when it is done";
        Problem::new(StatusCode::CONFLICT, "backup-running", detail)
    }

    /// No backup was made of a store of this size.
    #[must_use]
    pub fn no_backup(error: BackupError, size: u64) -> Self {
        match error {
            BackupError::Read(error) => error.into(),
            BackupError::Full => {
                tracing::warn!(%error, size, "a backup was refused");
                let detail = format!(
                    "a backup needs up to {size} bytes, as much as the store, on the disk of the data directory until it \
                     was fetched, beside the space that the setting `disk-reserve` keeps free; make room on that disk"
                );
                Problem::unavailable("disk-full", &detail, RETRY_ROOM)
            }
            // Somebody reads this only when the host stops: a client that gave up is gone.
            BackupError::GivenUp => stopping(),
            BackupError::Copy(_) => {
                tracing::error!(%error, "a backup failed");
                Problem::backup_failed()
            }
        }
    }

    /// The file of a backup could not be used.
    #[must_use]
    pub fn backup_failed() -> Self {
        let detail = "the host could not write the copy; its log says why";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "backup-failed", detail)
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Where code does not repeat a run's journal, if that is the problem.
    #[must_use]
    pub fn difference(&self) -> Option<&Difference> {
        self.difference.as_deref()
    }

    /// What a person reads.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    fn unavailable(code: &'static str, detail: &str, seconds: &'static str) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(seconds)
    }

    fn retry_after(self, seconds: &'static str) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from_static(seconds))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.code.to_owned();
        self.with_code(code)
    }
}

impl Problem {
    /// Returns the answer to whoever waited for the output of a run that has none. Its code is that of the run's failure.
    pub fn without_output(run: RunId, status: Status, code: String) -> Response {
        let detail = format!("run {run} has {}, and has no output", status.after_has());
        Problem::new(StatusCode::BAD_GATEWAY, "no-output", detail).with_code(code)
    }

    fn with_code(self, code: String) -> Response {
        if let Some(answer) = self.instead {
            return authored(*answer);
        }
        let body = ProblemBody {
            kind: "about:blank".into(),
            title: self.status.canonical_reason().unwrap_or("Problem").into(),
            status: self.status.as_u16(),
            detail: self.detail,
            code,
            difference: self.difference,
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
        response.headers_mut().extend(self.headers);
        response
    }
}

/// A response that somebody else wrote.
pub(crate) fn authored(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    // An invalid status or header was refused when the response was made.
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value)) {
            headers.append(name, value);
        }
    }
    response
}

impl From<Malformed> for Problem {
    fn from(error: Malformed) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, error.code, error.detail)
    }
}

impl From<NotASecret> for Problem {
    fn from(error: NotASecret) -> Self {
        match error {
            NotASecret::Malformed(error) => error.into(),
            NotASecret::Invalid(why) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-secret", why)
            }
        }
    }
}

impl From<NotLabels> for Problem {
    fn from(error: NotLabels) -> Self {
        match error {
            NotLabels::Malformed(error) => error.into(),
            NotLabels::Limit(why) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "label-limit", why)
            }
        }
    }
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        match error {
            Unavailable::Write(error) => error.into(),
            Unavailable::Read(error) => error.into(),
            Unavailable::Stopping => stopping(),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Full => {
                tracing::warn!(%error, "a write was refused");
                let detail =
                    "the disk of the host is full, and nothing was written; try again later";
                Problem::unavailable("disk-full", detail, RETRY_ROOM)
            }
            WriteError::Row(error) => error.into(),
            WriteError::Failed(_) => {
                tracing::error!(%error, "a write failed");
                let detail =
                    "the host's disk failed, and nothing was written; the host is about to stop";
                Problem::unavailable("store-failed", detail, RETRY_RESTART)
            }
            WriteError::Panicked => {
                tracing::error!(%error, "a write failed");
                let detail =
                    "the host has an internal fault, and nothing was written; its log says which";
                Problem::unavailable("internal-fault", detail, RETRY_RESTART)
            }
            WriteError::Stopped => stopping(),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "a read failed");
        match error {
            ReadError::Storage(_) => {
                let detail = "the host's store could not be read; its log says why";
                Problem::unavailable("store-failed", detail, RETRY_RESTART)
            }
            ReadError::Row { .. } | ReadError::Key { .. } | ReadError::Missing { .. } => {
                let detail = "a row that this needs is damaged in the host's store; the host's log says in which table";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store-damaged", detail)
            }
        }
    }
}

fn stopping() -> Problem {
    let detail = "the host is stopping; try again when it is back";
    Problem::unavailable("stopping", detail, RETRY_RESTART)
}

impl From<DeployError> for Problem {
    fn from(error: DeployError) -> Self {
        let detail = error.to_string();
        let (status, code) = match error {
            DeployError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"),
            DeployError::Invalid(invalid) => {
                (StatusCode::UNPROCESSABLE_ENTITY, invalid_code(&invalid))
            }
            DeployError::InvalidScript(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-script"),
            DeployError::NotCompiled(CompileFailure::TooComplex { .. }) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "too-complex")
            }
            DeployError::NotCompiled(CompileFailure::Refused(_)) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "not-compilable")
            }
            DeployError::NotCompiled(CompileFailure::Host {
                reason,
                retry_after,
            }) => {
                tracing::error!(reason, "the compiler could not be run");
                let detail = "the host's compiler could not be run; its log says why";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Problem::new(status, "compiler-unavailable", detail)
                    .with_header(RETRY_AFTER, HeaderValue::from(retry_after));
            }
            DeployError::NotLinked(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not-linkable"),
            DeployError::Unavailable(error) => return error.into(),
        };
        Problem::new(status, code, detail)
    }
}

/// The code of an upload that is not a workflow.
fn invalid_code(invalid: &Invalid) -> &'static str {
    match invalid {
        Invalid::NotWasm
        | Invalid::Archive
        | Invalid::Native { .. }
        | Invalid::UnknownVersion { .. } => "not-wasm",
        Invalid::Malformed { .. } => "invalid-wasm",
        Invalid::Feature { .. } => "unsupported-feature",
        Invalid::NoMetadata | Invalid::Unwrappable { .. } => "not-a-component",
        Invalid::WasiPreview1 { .. }
        | Invalid::WasmBindgen { .. }
        | Invalid::ImportName { .. }
        | Invalid::UnknownPackage { .. }
        | Invalid::WasiHttp { .. }
        | Invalid::WasiVersion { .. }
        | Invalid::ContractVersion { .. }
        | Invalid::UnknownInterface { .. }
        | Invalid::UnknownItem { .. } => "unknown-import",
        Invalid::ItemType { .. } => "wrong-import-type",
        Invalid::NoRun { .. } | Invalid::OtherWorld { .. } => "missing-run",
        Invalid::RunNotAsync | Invalid::RunType { .. } => "wrong-run-type",
        // The text of a reason that is added later says what is wrong.
        _ => "invalid-component",
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

impl From<SetTriggerError> for Problem {
    fn from(error: SetTriggerError) -> Self {
        let detail = error.to_string();
        let problem = |status, code| Problem::new(status, code, &*detail);
        match error {
            SetTriggerError::UnknownWorkflow(_) => {
                problem(StatusCode::NOT_FOUND, "unknown-workflow")
            }
            SetTriggerError::UnknownVersion(_) => problem(StatusCode::NOT_FOUND, "unknown-version"),
            SetTriggerError::Unknown(_) => problem(StatusCode::NOT_FOUND, "unknown-trigger"),
            SetTriggerError::TooManyUrls(_) => problem(StatusCode::CONFLICT, "too-many-urls"),
            SetTriggerError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<ForgetError> for Problem {
    fn from(error: ForgetError) -> Self {
        let (status, code) = match &error {
            ForgetError::NotOurs => (StatusCode::NOT_FOUND, "unknown-webhook"),
            ForgetError::NotRemembered(_) => (StatusCode::NOT_FOUND, "not-remembered"),
            ForgetError::WebhookGone => (StatusCode::GONE, "webhook-gone"),
            ForgetError::TriggerGone => (StatusCode::GONE, "trigger-gone"),
            ForgetError::Unavailable(unavailable) => return unavailable.clone().into(),
        };
        Problem::new(status, code, error.to_string())
    }
}

impl From<SetSecretError> for Problem {
    fn from(error: SetSecretError) -> Self {
        let (status, code) = match &error {
            SetSecretError::NoKey => (StatusCode::CONFLICT, "no-secret-key"),
            SetSecretError::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-secret"),
            SetSecretError::Unknown(name) => return Problem::unknown_secret(name.as_str()),
            SetSecretError::Closed(_) => (StatusCode::CONFLICT, "secret-unreadable"),
            SetSecretError::Unavailable(unavailable) => return unavailable.clone().into(),
        };
        Problem::new(status, code, error.to_string())
    }
}

/// Names the last steps of a run.
fn last_steps(last: &[String]) -> String {
    if last.is_empty() {
        return String::new();
    }
    let steps: Vec<String> = last.iter().map(|step| format!("{step:?}")).collect();
    format!(" Its last steps are {}.", steps.join(", "))
}

#[cfg(test)]
mod tests;
