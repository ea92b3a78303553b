//! Cancelling and resuming runs.

use axum::Json;
use axum::extract::State;
use dormouse_api::{ProblemBody, RunStatus};
use dormouse_journal::Status;
use dormouse_store::{Cancelled, Resumed};

use super::docs::{Guarded, RunProblems};
use super::path::PathParams;
use super::runs;
use super::state::AppState;
use crate::problem::Problem;

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
    match state.runtime.cancel(run).await? {
        Cancelled::Now | Cancelled::Before => Ok(Json(RunStatus::of(run, Status::Cancelled))),
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
    match state.runtime.resume(run).await? {
        Resumed::Now => {
            let status = runs::status(&state, run).await?;
            Ok(Json(RunStatus::of(run, status)))
        }
        Resumed::NotBlocked(status) => Err(Problem::not_blocked(run, status)),
        Resumed::Unknown => Err(Problem::unknown_run(run)),
    }
}
