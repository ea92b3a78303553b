//! Moves many runs of a workflow to another version.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use dormouse_api::request::{LABEL, QueryParams, RunFilter};
use dormouse_api::{MoveLine, MoveResult, MoveRuns, MovedRun, MovedRuns, ProblemBody};
use dormouse_journal::VersionId;
use dormouse_runtime::{Move, RepairError, StartError};
use dormouse_store::{RunQuery, RunView};
use futures::stream::StreamExt;
use http::{HeaderMap, Uri};

use super::docs::{BodyProblems, FilterParams, Guarded, QueryProblems, WorkflowProblems};
use super::found::views;
use super::lines::lines;
use super::path::PathParams;
use super::state::AppState;
use super::subject::Subject;
use super::{control, runs};
use crate::problem::Problem;

/// The number of runs that are replayed at once. Replays take processor time from runs that have work to do.
const AT_ONCE: usize = 2;

/// Moves the runs of a workflow to another version
///
/// The runs that have not ended, are on another version and meet the filter are moved, a few at a time, as
/// `POST /v1/runs/{id}/move` does with one. The answer has a line for each run as soon as it is done, in no particular order,
/// and a last line with counts. A run whose journal the version does not repeat stays on its version, and its line has the
/// first `difference`. If the client closes the connection, the host stops; the same request continues with the runs that are
/// left.
#[utoipa::path(
    post, path = "/v1/workflows/{name}/move", tag = "workflows", operation_id = "move_runs",
    params(("name" = String, Path, description = "The workflow's name"), FilterParams),
    request_body(content = MoveRuns),
    responses(
        (status = 200, description = "A line of JSON for each run, and one of counts", body = MoveLine,
            content_type = "application/x-ndjson"),
        (status = 404, description = "`unknown-workflow`, `unknown-version`", body = ProblemBody,
            content_type = "application/problem+json"),
        QueryProblems, BodyProblems, WorkflowProblems, Guarded,
    ),
)]
pub(super) async fn move_runs(
    State(state): State<AppState>,
    path: PathParams,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let name = path.text("name").to_owned();
    let params = QueryParams::read_repeating(&uri, &RunFilter::PARAMS, &[LABEL])?;
    let filter = RunFilter::from_query(&params)?;
    let asked: Option<MoveRuns> =
        control::asked(&state, &headers, body, Subject::Workflow(&name), "a move").await?;
    let Some(asked) = asked else {
        let why = "is empty; a move takes a JSON object with the `version` to move to";
        return Err(Problem::malformed("invalid-json", "the body", why));
    };
    let version = control::version_of(&asked.version, "version")?;
    let from = asked.from_version.as_deref();
    let from = from.map(|from| control::version_of(from, "from_version"));
    let from = from.transpose()?;
    let workflow = state.runtime.reader().workflow(name.clone()).await?;
    let workflow = workflow.ok_or_else(|| Problem::unknown_workflow(&name))?;
    if workflow.versions.iter().all(|known| known.id != version) {
        return Err(StartError::UnknownVersion(name).into());
    }
    let query = query(runs::query(filter, state.dates()), name, version, from)?;
    let dry_run = asked.dry_run;
    let results = views(state.clone(), query)
        .map(move |view| {
            let state = state.clone();
            async move { move_one(&state, &view?, version, dry_run).await }
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(|moved| async { moved.transpose() });
    Ok(lines(MovedRuns::default(), results))
}

/// Returns the search for the runs that are to be moved.
fn query(
    filter: RunQuery,
    workflow: String,
    version: VersionId,
    from: Option<VersionId>,
) -> Result<RunQuery, Problem> {
    let refuse = |what: &str, why: &str| Err(Problem::malformed("invalid-query", what, why));
    if filter.workflow.as_ref().is_some_and(|own| *own != workflow) {
        let why = "is another workflow than the one of the path: leave it out";
        return refuse("query parameter `workflow`", why);
    }
    if from.is_some() && filter.version.is_some_and(|own| Some(own) != from) {
        let why = "is another version than `from_version` of the body: give one of them";
        return refuse("query parameter `version`", why);
    }
    Ok(RunQuery {
        workflow: Some(workflow),
        version: from.or(filter.version),
        other_than: Some(version),
        // Ended runs are listed only if they are asked for.
        alive: filter.status.is_none(),
        ..filter
    })
}

/// Moves a run, and returns the line about it. Returns none if the run has ended, because it needs no code any more.
///
/// # Errors
/// When the host cannot continue, for a reason that does not concern this run.
async fn move_one(
    state: &AppState,
    view: &RunView,
    version: VersionId,
    dry_run: bool,
) -> Result<Option<MovedRun>, Problem> {
    let run = view.id;
    let asked = Move {
        version,
        from: Some(view.run.version),
        dry_run,
    };
    let error = match state.runtime.move_to(run, asked).await {
        Ok(moved) => {
            let result = match dry_run {
                true => MoveResult::Agrees,
                false => MoveResult::Moved,
            };
            return Ok(Some(MovedRun::new(run, moved.status, result)));
        }
        Err(RepairError::Ended(_) | RepairError::UnknownRun) => return Ok(None),
        Err(error) => error,
    };
    let result = match &error {
        RepairError::Differs(_) => MoveResult::Differs,
        _ => MoveResult::Skipped,
    };
    let problem = Problem::not_repaired(run, error);
    if problem.status().is_server_error() {
        return Err(problem);
    }
    let status = state.runtime.status(run).await?;
    Ok(Some(MovedRun {
        code: Some(problem.code().into()),
        detail: Some(problem.detail().into()),
        difference: problem.difference().cloned(),
        ..MovedRun::new(run, status.unwrap_or(view.state.status), result)
    }))
}
