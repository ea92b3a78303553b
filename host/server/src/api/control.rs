//! Cancelling, repairing, restarting and deleting runs.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use dormouse_api::request::{Wait, idempotency_key};
use dormouse_api::{
    CancelRun, Difference, MoveRun, ProblemBody, RepairedRun, RestartRun, RetryRun, RunStatus,
    StartedRun,
};
use dormouse_journal::{CancelOptions, RunId, Status, VersionId};
use dormouse_runtime::{RepairError, Retry};
use dormouse_store::{Cancelled, Deleted};
use http::HeaderMap;
use serde::de::DeserializeOwned;

use super::docs::{BodyProblems, Guarded, RunProblems};
use super::path::PathParams;
use super::state::AppState;
use super::{runs, start};
use crate::problem::Problem;
use crate::request::body;

/// Cancels a run
///
/// What it is doing is thrown away, and it does nothing more. To cancel it again changes nothing. With a grace, the run is
/// told by `wait-for-cancel` and may end by itself until that is over.
#[utoipa::path(
    post, path = "/v1/runs/{id}/cancel", tag = "runs", operation_id = "cancel_run",
    params(("id" = String, Path, description = "The run's id")),
    request_body(content = Option<CancelRun>, description = "How, if not at once"),
    responses(
        (status = 200, description = "The run is cancelled, now or before; or it was asked to cancel, and `status` says \
            where it stands", body = RunStatus),
        (status = 409, description = "`run-ended`: it has completed or failed", body = ProblemBody,
            content_type = "application/problem+json"),
        BodyProblems, RunProblems, Guarded,
    ),
)]
pub(super) async fn cancel(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RunStatus>, Problem> {
    let run = path.run()?;
    let options = cancel_options(asked(&state, &headers, body, "a cancel").await?)?;
    match state.runtime.cancel(run, options).await? {
        Cancelled::Asked => {
            let status = runs::status(&state, run).await?;
            Ok(Json(RunStatus::of(run, status)))
        }
        Cancelled::Now | Cancelled::Before => Ok(Json(RunStatus::of(run, Status::Cancelled))),
        Cancelled::Ended(status) => Err(Problem::already_ended(run, status)),
        Cancelled::Unknown => Err(Problem::unknown_run(run)),
    }
}

/// How long the reason of a cancel may be, in bytes.
const REASON: usize = 1_024;

fn cancel_options(asked: Option<CancelRun>) -> Result<CancelOptions, Problem> {
    let CancelRun { grace, reason } = asked.unwrap_or_default();
    let refuse = |what: &str, why: String| Problem::malformed("invalid-cancel", what, why);
    let grace = grace.map(|grace| {
        dormouse_limits::parse_span(&grace).map_err(|why| refuse("`grace`", why.to_string()))
    });
    if let Some(reason) = &reason
        && reason.len() > REASON
    {
        let why = format!("has {} bytes, and may have {REASON}", reason.len());
        return Err(refuse("`reason`", why));
    }
    Ok(CancelOptions {
        grace: grace.transpose()?,
        reason,
    })
}

/// Tries a blocked run again
///
/// If the host could not go on with it, it is tried where it stood. If its own code broke, it is retried as `retry` does.
#[utoipa::path(
    post, path = "/v1/runs/{id}/resume", tag = "runs", operation_id = "resume_run",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run is tried again", body = RepairedRun),
        (status = 409, description = "`not-blocked`, `run-ended`, `same-again`, `busy`, `version-unusable`",
            body = ProblemBody, content_type = "application/problem+json"),
        RunProblems, Guarded,
    ),
)]
pub(super) async fn resume(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<RepairedRun>, Problem> {
    let run = path.run()?;
    repaired(run, state.runtime.resume(run).await)
}

/// Retries a run whose code broke
///
/// Nothing of the activation in which it broke has happened; it is executed again, on the version asked for, or on the
/// current version of its workflow if that repeats the run's journal, or else on its own. The run gets the host's present
/// limits where they are larger.
#[utoipa::path(
    post, path = "/v1/runs/{id}/retry", tag = "runs", operation_id = "retry_run",
    params(("id" = String, Path, description = "The run's id")),
    request_body(content = Option<RetryRun>, description = "How, if not as usual"),
    responses(
        (status = 200, description = "The run goes on", body = RepairedRun),
        (status = 404, description = "`unknown-run`, `unknown-version`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "`not-blocked`, `run-ended`; `same-again`: it would break again; `differs`: the \
            version does not repeat its journal, and `difference` says where; `busy`; `version-unusable`",
            body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RunProblems, Guarded,
    ),
)]
pub(super) async fn retry(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RepairedRun>, Problem> {
    let run = path.run()?;
    let asked: Option<RetryRun> = asked(&state, &headers, body, "a retry").await?;
    let RetryRun {
        version,
        anyway,
        dry_run,
    } = asked.unwrap_or_default();
    let retry = Retry {
        version: version.as_deref().map(version_of).transpose()?,
        anyway,
        dry_run,
    };
    repaired(run, state.runtime.retry(run, &retry).await)
}

/// Moves a run to another version of its workflow
///
/// Between two activations, the run's journal is replayed against that version, without effects. If the version repeats all
/// of it, the run goes on with it. If not, nothing changes.
#[utoipa::path(
    post, path = "/v1/runs/{id}/move", tag = "runs", operation_id = "move_run",
    params(("id" = String, Path, description = "The run's id")),
    request_body(content = MoveRun, description = "Where"),
    responses(
        (status = 200, description = "The run goes on with that version", body = RepairedRun),
        (status = 404, description = "`unknown-run`, `unknown-version`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "`run-ended`; `differs`: the version does not repeat its journal, and `difference` \
            says where; `busy`; `version-unusable`", body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RunProblems, Guarded,
    ),
)]
pub(super) async fn move_run(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RepairedRun>, Problem> {
    let run = path.run()?;
    let asked: Option<MoveRun> = asked(&state, &headers, body, "a move").await?;
    let Some(MoveRun { version, dry_run }) = asked else {
        let why = "is empty; a move takes a JSON object with the `version` to move to";
        return Err(Problem::malformed("invalid-json", "the body", why));
    };
    let version = version_of(&version)?;
    repaired(run, state.runtime.move_to(run, version, dry_run).await)
}

fn version_of(text: &str) -> Result<VersionId, Problem> {
    text.parse().map_err(|_| {
        let why = format!("is {text:?}, and is to be a version: 64 hexadecimal digits");
        Problem::malformed("invalid-version", "`version`", why)
    })
}

fn repaired(
    run: RunId,
    repaired: Result<dormouse_runtime::RepairedRun, RepairError>,
) -> Result<Json<RepairedRun>, Problem> {
    let repaired = repaired.map_err(|error| Problem::not_repaired(run, error))?;
    Ok(Json(RepairedRun {
        id: run.to_string(),
        status: repaired.status,
        version: repaired.version.to_string(),
        differs: repaired.differs.as_deref().map(Difference::plain),
    }))
}

/// Starts a run anew
///
/// The new run gets the input and the headers that this one was started with, or another input, and the workflow's current
/// version. This run stays as it is, whatever its status; `restarted` of the new one names it.
#[utoipa::path(
    post, path = "/v1/runs/{id}/restart", tag = "runs", operation_id = "restart_run",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "A repeat with the same key and input gives the run that was started first"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, and `; until=suspended`",
            example = "wait=30"),
    ),
    request_body(content = Option<RestartRun>, description = "What is to be different, if anything"),
    responses(
        (status = 202, description = "The new run is started", body = StartedRun, headers(
            ("Location" = String, description = "The new run"),
            ("Preference-Applied" = String, description = "How long the answer was held at most"),
        )),
        (status = 200, description = "With `Prefer`: the new run has ended, and this is all of it. Otherwise it was \
            started before with this `Idempotency-Key`, and this is its `id` and `status`", body = dormouse_api::Run),
        (status = 404, description = "`unknown-run`, `unknown-workflow`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 410, description = "`workflow-deleted`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "`idempotency-key-reused`: it came with another input before",
            body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RunProblems, Guarded,
    ),
)]
pub(super) async fn restart(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let run = path.run()?;
    let wait = Wait::from_headers(&headers, state.max_wait)?;
    let key = idempotency_key(&headers)?;
    let restart: Option<RestartRun> = asked(&state, &headers, body, "a restart").await?;
    let input = restart.and_then(|restart| restart.input);
    let input = input.map(|input| dormouse_journal::json_payload(input.get().as_bytes().to_vec()));
    let restarted = state.runtime.restart(run, input, key).await?;
    let (new_run, new) = restarted.ok_or_else(|| Problem::unknown_run(run))?;
    start::answer(&state, new_run, new, wait).await
}

/// Returns what the body says: a JSON object, or nothing.
pub(super) async fn asked<T: DeserializeOwned>(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    what: &str,
) -> Result<Option<T>, Problem> {
    let (limit, room) = (state.runtime.settings().limits.body, state.rooms.of_api());
    let body = body::read(headers, body, limit, dormouse_limits::BODY, room).await?;
    if body.is_empty() {
        return Ok(None);
    }
    let refuse = |why: String| {
        Problem::malformed(
            "invalid-json",
            "the body",
            format!("is not what {what} takes: {why}"),
        )
    };
    // An array would be read as the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(refuse("it is no JSON object".into()));
    }
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(|error| refuse(error.to_string()))
}

/// Deletes a run that has ended
///
/// Its journal, its output and everything else of it are removed before retention does so.
#[utoipa::path(
    delete, path = "/v1/runs/{id}", tag = "runs", operation_id = "delete_run",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run is deleted; `status` is the one that it had", body = RunStatus),
        (status = 409, description = "`not-ended`: cancel it first", body = ProblemBody,
            content_type = "application/problem+json"),
        RunProblems, Guarded,
    ),
)]
pub(super) async fn delete(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<RunStatus>, Problem> {
    let run = path.run()?;
    match state.runtime.delete(run).await? {
        Deleted::Now(status) => Ok(Json(RunStatus::of(run, status))),
        Deleted::Alive(status) => Err(Problem::alive(run, status)),
        Deleted::InPart | Deleted::Unknown => Err(Problem::unknown_run(run)),
    }
}
