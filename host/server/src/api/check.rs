//! Checks new code against existing runs, before it is deployed.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use dormouse_api::{Acted, ActedRun, ActionLine, ProblemBody};
use dormouse_journal::{RunId, VersionId};
use dormouse_runtime::RepairError;
use dormouse_store::RunQuery;
use futures::stream::StreamExt;
use http::HeaderMap;

use super::docs::{BodyProblems, Bytes, Guarded, WorkflowProblems};
use super::found::views;
use super::lines::lines;
use super::path::PathParams;
use super::state::AppState;
use super::workflows::uploaded;
use crate::problem::Problem;
use crate::request::body;

/// The number of runs that are replayed at once. Replays take processor time from runs that have work to do.
const AT_ONCE: usize = 2;

/// Checks a component against the runs of a workflow
///
/// Nothing is deployed. The journal of each run that has not ended is replayed against the component, without effects, a few
/// at a time. The answer has a line for each run: without a `code` if the component repeats the run's journal, with the code
/// `differs` and the first difference if it does not, and with another code if the run could not be checked. The last line
/// has counts. If the client closes the connection, the host stops.
#[utoipa::path(
    post, path = "/v1/workflows/{name}/check", tag = "workflows", operation_id = "check_workflow",
    params(("name" = String, Path, description = "The workflow's name")),
    request_body(description = "The component, or the file, as when it is deployed", content(
        (inline(Bytes) = "application/wasm"), (String = "application/typescript"), (String = "application/javascript"),
    )),
    responses(
        (status = 200, description = "A line of JSON for each run, and one of counts", body = ActionLine,
            content_type = "application/x-ndjson"),
        (status = 422, description = "The bytes are not a workflow that this host can run, as when they are deployed",
            body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, WorkflowProblems, Guarded,
    ),
)]
pub(super) async fn check(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let name = path.text("name").to_owned();
    let workflow = state.runtime.reader().workflow(name.clone()).await?;
    workflow.ok_or_else(|| Problem::unknown_workflow(&name))?;
    let limit = state.runtime.settings().limits.component;
    let memory = state.body_budget.of_api();
    let upload = body::read(&headers, body, limit, dormouse_limits::COMPONENT, memory).await?;
    let version = state.runtime.check(uploaded(&headers, upload)?).await?;
    let query = RunQuery {
        workflow: Some(name),
        alive: true,
        ..RunQuery::default()
    };
    let results = views(state.clone(), query)
        .map(move |view| {
            let state = state.clone();
            async move { check_one(&state, view?.id, version).await }
        })
        .buffer_unordered(AT_ONCE);
    Ok(lines(Acted::default(), results))
}

/// Checks one run.
///
/// # Errors
/// When the host cannot continue, for a reason that does not concern this run.
async fn check_one(state: &AppState, run: RunId, version: VersionId) -> Result<ActedRun, Problem> {
    let mut checked = ActedRun {
        id: run.to_string(),
        status: None,
        code: None,
        detail: None,
        difference: None,
        started: None,
    };
    match state.runtime.check_run(run, version).await {
        // A run that has ended meanwhile needs no code any more.
        Ok(status) | Err(RepairError::Ended(status)) => checked.status = Some(status),
        Err(error) => {
            let problem = Problem::not_repaired(run, error);
            if problem.status().is_server_error() {
                return Err(problem);
            }
            checked.code = Some(problem.code().into());
            checked.detail = Some(problem.detail().into());
            checked.difference = problem.difference().cloned().map(Box::new);
            checked.status = state.runtime.status(run).await?;
        }
    }
    Ok(checked)
}
