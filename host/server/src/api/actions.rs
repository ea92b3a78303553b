//! Does the same action to many runs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use dormouse_api::request::{LABEL, QueryParams, RunFilter};
use dormouse_api::{
    ActOnRuns, Acted, ActedRun, Action, ActionLine, CancelRun, MoveRun, NoOptions, RestartRun,
    RetryRun,
};
use dormouse_journal::{CancelOptions, RunId, Status};
use dormouse_runtime::RetriedWithRun;
use dormouse_store::RunQuery;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::docs::{BodyProblems, FilterParams, Guarded, QueryProblems};
use super::found::views;
use super::lines::lines;
use super::state::AppState;
use super::{control, pauses, runs};
use crate::problem::Problem;
use crate::request::body;

/// The number of runs that are acted on at once. Each action is a commit, and concurrent commits share a disk sync.
const AT_ONCE: usize = 32;

/// Does one action to many runs
///
/// The runs are those with the ids in the body, or those of the filter, newest first, as they are when their turn comes. The
/// answer has a line for each run as soon as the action is done, in no particular order, and a last line with counts. If the
/// client closes the connection, the host stops.
#[utoipa::path(
    post, path = "/v1/runs/actions", tag = "runs", operation_id = "act_on_runs",
    params(FilterParams),
    request_body(content = ActOnRuns),
    responses(
        (status = 200, description = "A line of JSON for each run, and one of counts", body = ActionLine,
            content_type = "application/x-ndjson"),
        QueryProblems, BodyProblems, Guarded,
    ),
)]
pub(super) async fn act(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let params = QueryParams::read_repeating(&uri, &RunFilter::PARAMS, &[LABEL])?;
    let filter = RunFilter::from_query(&params)?;
    let (limit, memory) = (
        state.runtime.settings().limits.body,
        state.body_budget.of_api(),
    );
    let body = body::read(&headers, body, limit, dormouse_limits::BODY, memory).await?;
    let request: ActOnRuns = control::from_object(&body, "an action")?;
    let act = Act::of(request.action, request.options.as_deref())?;
    let runs = match request.ids {
        Some(ids) if filter.is_empty() => named(&ids)?,
        Some(_) => {
            return Err(wrong(
                "has `ids` although the query has a filter: give one of them",
            ));
        }
        None if filter.is_empty() => {
            return Err(wrong(
                "has no `ids`, and the query has no filter: give one of them",
            ));
        }
        None => found(state.clone(), runs::query(filter, state.dates())),
    };
    let results = runs
        .map(move |run| {
            let (state, act) = (state.clone(), act.clone());
            async move { perform(&state, &act, run?).await }
        })
        .buffer_unordered(AT_ONCE);
    Ok(lines(Acted::default(), results))
}

/// An action with its options.
#[derive(Clone)]
enum Act {
    Cancel(CancelOptions),
    Retry(RetryRun, Arc<RetriedWithRun>),
    Move(MoveRun),
    Pause,
    Resume,
    Restart(Option<dormouse_journal::Payload>),
    Delete,
}

impl Act {
    fn of(action: Action, options: Option<&RawValue>) -> Result<Self, Problem> {
        let none = || read::<NoOptions>(options);
        Ok(match action {
            Action::Cancel => {
                let asked = read::<CancelRun>(options)?;
                Act::Cancel(control::cancel_options(Some(asked))?)
            }
            Action::Retry => Act::Retry(read::<RetryRun>(options)?, Arc::default()),
            Action::Move => Act::Move(read::<MoveRun>(options)?),
            Action::Pause => none().map(|NoOptions {}| Act::Pause)?,
            Action::Resume => none().map(|NoOptions {}| Act::Resume)?,
            Action::Restart => Act::Restart(control::input(read::<RestartRun>(options)?)),
            Action::Delete => none().map(|NoOptions {}| Act::Delete)?,
        })
    }

    /// Does the action to a run. Returns the run that it started, if it starts one, or the last status of the run.
    async fn perform(&self, state: &AppState, run: RunId) -> Result<ActionResult, Problem> {
        match self {
            Act::Cancel(options) => {
                let cancelled = control::cancel_run(state, run, options.clone()).await;
                cancelled.map(ActionResult::Status)
            }
            Act::Retry(retry, retried_with_run) => {
                let retried =
                    control::retry_with(state, run, retry.clone(), retried_with_run.clone());
                match retried.await {
                    Ok(retried) => Ok(ActionResult::Status(retried.status)),
                    // This command has retried the run already, for a run that waits for it.
                    Err(problem)
                        if problem.code() == "not-blocked" && retried_with_run.has(run) =>
                    {
                        Ok(ActionResult::Status(runs::status(state, run).await?))
                    }
                    Err(problem) => Err(problem),
                }
            }
            Act::Move(to) => {
                let moved = control::move_one(state, run, to.clone()).await?;
                Ok(ActionResult::Status(moved.status))
            }
            Act::Pause => pauses::pause_one(state, run)
                .await
                .map(ActionResult::Status),
            Act::Resume => control::resume_run(state, run)
                .await
                .map(ActionResult::Status),
            Act::Restart(input) => {
                let (started, _) = control::restart_run(state, run, input.clone(), None).await?;
                state.metrics.run_started();
                Ok(ActionResult::Started(started))
            }
            Act::Delete => control::delete_run(state, run)
                .await
                .map(ActionResult::Status),
        }
    }
}

/// The result of an action.
enum ActionResult {
    Status(Status),
    Started(RunId),
}

/// Reads the options of an action. Absent options are empty.
fn read<T: DeserializeOwned>(options: Option<&RawValue>) -> Result<T, Problem> {
    let text = options.map_or("{}", RawValue::get);
    control::from_object(text.as_bytes(), "this action")
        .map_err(|problem| wrong(&format!("has wrong `options`: {}", problem.detail())))
}

fn wrong(why: &str) -> Problem {
    Problem::malformed("invalid-json", "the body", why)
}

/// The runs to act on.
type Runs = BoxStream<'static, Result<RunId, Problem>>;

/// Returns the runs with these ids.
fn named(ids: &[String]) -> Result<Runs, Problem> {
    let parse = |(place, text): (usize, &String)| {
        let why = || {
            wrong(&format!(
                "has in `ids[{place}]` {text:?}: give the UUID of a run"
            ))
        };
        text.parse().map_err(|_| why())
    };
    let ids: Vec<RunId> = ids
        .iter()
        .enumerate()
        .map(parse)
        .collect::<Result<_, _>>()?;
    Ok(stream::iter(ids.into_iter().map(Ok)).boxed())
}

/// Returns the runs that a search finds.
fn found(state: AppState, query: RunQuery) -> Runs {
    let views = views(state, query);
    views.map_ok(|view| view.id).boxed()
}

/// Acts on a run, and returns the line about it.
///
/// # Errors
/// When the host cannot continue, for a reason that does not concern this run.
async fn perform(state: &AppState, act: &Act, run: RunId) -> Result<ActedRun, Problem> {
    let mut acted = ActedRun {
        id: run.to_string(),
        status: None,
        code: None,
        detail: None,
        difference: None,
        started: None,
    };
    match act.perform(state, run).await {
        Ok(ActionResult::Status(status)) => {
            acted.status = Some(status);
            return Ok(acted);
        }
        Ok(ActionResult::Started(started)) => acted.started = Some(started.to_string()),
        Err(problem) if problem.status().is_server_error() => return Err(problem),
        Err(problem) => {
            acted.code = Some(problem.code().into());
            acted.detail = Some(problem.detail().into());
            acted.difference = problem.difference().cloned().map(Box::new);
        }
    }
    acted.status = state.runtime.status(run).await?;
    Ok(acted)
}
