//! Cancelling, resuming, restarting and deleting runs.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use dormouse_api::request::{Wait, idempotency_key};
use dormouse_api::{ProblemBody, RestartRun, RunStatus, StartedRun};
use dormouse_journal::{Payload, RunId, Status};
use dormouse_store::{Cancelled, Deleted, Resumed};
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
/// What it is doing is thrown away, and it does nothing more. To cancel it again changes nothing.
#[utoipa::path(
    post, path = "/v1/runs/{id}/cancel", tag = "runs", operation_id = "cancel_run",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run is cancelled, now or before", body = RunStatus),
        (status = 409, description = "`run-ended`: it has completed or failed", body = ProblemBody,
            content_type = "application/problem+json"),
        RunProblems, Guarded,
    ),
)]
pub(super) async fn cancel(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<RunStatus>, Problem> {
    let run = path.run()?;
    Ok(Json(RunStatus::of(run, cancel_run(&state, run).await?)))
}

/// Cancels a run. Returns where it stands now.
pub(super) async fn cancel_run(state: &AppState, run: RunId) -> Result<Status, Problem> {
    match state.runtime.cancel(run).await? {
        Cancelled::Now | Cancelled::Before => Ok(Status::Cancelled),
        Cancelled::Ended(status) => Err(Problem::already_ended(run, status)),
        Cancelled::Unknown => Err(Problem::unknown_run(run)),
    }
}

/// Tries a blocked run again
///
/// If what blocked it is still so, it is blocked again.
#[utoipa::path(
    post, path = "/v1/runs/{id}/resume", tag = "runs", operation_id = "resume_run",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run is tried again", body = RunStatus),
        (status = 409, description = "`not-blocked`", body = ProblemBody, content_type = "application/problem+json"),
        RunProblems, Guarded,
    ),
)]
pub(super) async fn resume(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<RunStatus>, Problem> {
    let run = path.run()?;
    Ok(Json(RunStatus::of(run, resume_run(&state, run).await?)))
}

/// Tries a blocked run again. Returns where it stands now.
pub(super) async fn resume_run(state: &AppState, run: RunId) -> Result<Status, Problem> {
    match state.runtime.resume(run).await? {
        Resumed::Now => runs::status(state, run).await,
        Resumed::NotBlocked(status) => Err(Problem::not_blocked(run, status)),
        Resumed::Unknown => Err(Problem::unknown_run(run)),
    }
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
    let input = restart_input(&state, &headers, body).await?;
    let (new_run, new) = restart_run(&state, run, input, key).await?;
    start::answer(&state, new_run, new, wait).await
}

/// Starts a run anew. Returns the id of the run that it is now, and whether that is new.
pub(super) async fn restart_run(
    state: &AppState,
    run: RunId,
    input: Option<Payload>,
    key: Option<String>,
) -> Result<(RunId, bool), Problem> {
    let restarted = state.runtime.restart(run, input, key).await?;
    restarted.ok_or_else(|| Problem::unknown_run(run))
}

/// Returns the input that is to take the place of the run's own.
async fn restart_input(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
) -> Result<Option<Payload>, Problem> {
    let (limit, room) = (state.runtime.settings().limits.body, state.rooms.of_api());
    let body = body::read(headers, body, limit, dormouse_limits::BODY, room).await?;
    if body.is_empty() {
        return Ok(None);
    }
    Ok(self::input(from_object(&body)?))
}

/// Returns the input that a restart says.
pub(super) fn input(restart: RestartRun) -> Option<Payload> {
    let input = restart.input?;
    Some(dormouse_journal::json_payload(
        input.get().as_bytes().to_vec(),
    ))
}

/// Reads a body that is an object of JSON.
pub(super) fn from_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let refuse = |why: String| {
        let why = format!("is not what this takes: {why}");
        Problem::malformed("invalid-json", "the body", why)
    };
    // An array would be read as the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(refuse("it is no JSON object".into()));
    }
    serde_json::from_slice(body).map_err(|error| refuse(error.to_string()))
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
    Ok(Json(RunStatus::of(run, delete_run(&state, run).await?)))
}

/// Deletes a run that has ended. Returns the status that it had.
pub(super) async fn delete_run(state: &AppState, run: RunId) -> Result<Status, Problem> {
    match state.runtime.delete(run).await? {
        Deleted::Now(status) => Ok(status),
        Deleted::Alive(status) => Err(Problem::alive(run, status)),
        Deleted::InPart | Deleted::Unknown => Err(Problem::unknown_run(run)),
    }
}
