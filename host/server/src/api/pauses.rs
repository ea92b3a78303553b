//! Pauses and resumes a run, a workflow or the host.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use dormouse_api::{PausedRun, Pauses, ProblemBody};
use dormouse_journal::{RunId, Status};
use dormouse_store::{Pausable, Paused, PausedBy, Unpaused};

use http::HeaderMap;

use super::docs::{BodyProblems, Guarded, RunProblems, WorkflowProblems};
use super::path::PathParams;
use super::state::AppState;
use super::subject::Subject;
use super::{control, runs};
use crate::problem::Problem;

/// Pauses a run
///
/// Requests and events for the run are accepted and kept. Until it is resumed, no activation of it is executed and no attempt at
/// a call is sent; an attempt that is under way may finish, and its result is kept. Sleeps and waits keep their deadlines;
/// those that have passed end when the run is resumed, and so do its timeout and the grace of a cancel. A cancel without grace
/// works at once. To pause a paused run changes nothing.
#[utoipa::path(
    post, path = "/v1/runs/{id}/pause", tag = "runs", operation_id = "pause_run",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run is paused, now or before", body = PausedRun),
        (status = 409, description = "`run-ended`", body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RunProblems, Guarded,
    ),
)]
pub(super) async fn pause_run(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PausedRun>, Problem> {
    let run = path.run()?;
    control::takes_nothing(&state, &headers, body, Subject::Run(run), "a pause").await?;
    Ok(Json(PausedRun {
        id: run.to_string(),
        status: pause_one(&state, run).await?,
        paused: PausedBy::Run.as_str().into(),
    }))
}

/// Pauses a run. Returns its status.
pub(super) async fn pause_one(state: &AppState, run: RunId) -> Result<Status, Problem> {
    match state.runtime.pause(Pausable::Run(run)).await? {
        Paused::Now | Paused::Before => runs::status(state, run).await,
        Paused::Ended(status) => Err(Problem::not_to_be_paused(run, status)),
        Paused::Unknown => Err(Problem::unknown_run(run)),
    }
}

/// Pauses a workflow
///
/// All runs of the workflow are paused, as by `POST /v1/runs/{id}/pause`. Starts are accepted, and the new runs wait. To pause a
/// paused workflow changes nothing.
#[utoipa::path(
    post, path = "/v1/workflows/{name}/pause", tag = "workflows", operation_id = "pause_workflow",
    params(("name" = String, Path, description = "The workflow's name")),
    responses((status = 200, description = "What is paused now", body = Pauses), BodyProblems, WorkflowProblems, Guarded),
)]
pub(super) async fn pause_workflow(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Pauses>, Problem> {
    let subject = Subject::Workflow(path.text("name"));
    control::takes_nothing(&state, &headers, body, subject, "a pause").await?;
    pause(&state, Pausable::Workflow(path.text("name").to_owned())).await
}

/// Resumes a workflow
///
/// A run that was paused itself stays paused. Nothing changes if the workflow is not paused.
#[utoipa::path(
    post, path = "/v1/workflows/{name}/resume", tag = "workflows", operation_id = "resume_workflow",
    params(("name" = String, Path, description = "The workflow's name")),
    responses((status = 200, description = "What is paused now", body = Pauses), BodyProblems, WorkflowProblems, Guarded),
)]
pub(super) async fn resume_workflow(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Pauses>, Problem> {
    let subject = Subject::Workflow(path.text("name"));
    control::takes_nothing(&state, &headers, body, subject, "a resume").await?;
    resume(&state, Pausable::Workflow(path.text("name").to_owned())).await
}

/// Shows what is paused
#[utoipa::path(
    get, path = "/v1/pause", tag = "operations", operation_id = "show_pauses",
    responses((status = 200, description = "What is paused", body = Pauses), Guarded),
)]
pub(super) async fn show(State(state): State<AppState>) -> Result<Json<Pauses>, Problem> {
    shown(&state).await
}

/// Pauses the host
///
/// All runs are paused, as by `POST /v1/runs/{id}/pause`, and runs that are started meanwhile wait. The host stays paused, also
/// across restarts, until `POST /v1/resume`. To pause a paused host changes nothing.
#[utoipa::path(
    post, path = "/v1/pause", tag = "operations", operation_id = "pause_host",
    responses((status = 200, description = "What is paused now", body = Pauses), BodyProblems, Guarded),
)]
pub(super) async fn pause_host(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Pauses>, Problem> {
    control::takes_nothing(&state, &headers, body, Subject::Host, "a pause").await?;
    pause(&state, Pausable::Host).await
}

/// Resumes the host
///
/// Workflows and runs that were paused themselves stay paused. Nothing changes if the host is not paused.
#[utoipa::path(
    post, path = "/v1/resume", tag = "operations", operation_id = "resume_host",
    responses((status = 200, description = "What is paused now", body = Pauses), BodyProblems, Guarded),
)]
pub(super) async fn resume_host(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Pauses>, Problem> {
    control::takes_nothing(&state, &headers, body, Subject::Host, "a resume").await?;
    resume(&state, Pausable::Host).await
}

async fn pause(state: &AppState, what: Pausable) -> Result<Json<Pauses>, Problem> {
    match (state.runtime.pause(what.clone()).await?, what) {
        (Paused::Unknown, Pausable::Workflow(name)) => Err(Problem::unknown_workflow(&name)),
        _ => shown(state).await,
    }
}

async fn resume(state: &AppState, what: Pausable) -> Result<Json<Pauses>, Problem> {
    match (state.runtime.unpause(what.clone()).await?, what) {
        (Unpaused::Unknown, Pausable::Workflow(name)) => Err(Problem::unknown_workflow(&name)),
        _ => shown(state).await,
    }
}

async fn shown(state: &AppState) -> Result<Json<Pauses>, Problem> {
    let pauses = state.runtime.reader().pauses().await?;
    let dates = state.dates();
    let workflows = pauses.workflows.into_iter();
    Ok(Json(Pauses {
        host: pauses.host.map(|since| dates.of(since)),
        workflows: workflows
            .map(|(name, since)| (name, dates.of(since)))
            .collect(),
        runs: pauses.runs,
    }))
}
