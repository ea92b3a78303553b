//! Runs: list, show, input, output.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use dormouse_api::request::{AfterRun, Cursor as _, LABEL, QueryParams, RunFilter, Wait};
use dormouse_api::{Dates, ProblemBody, Run, RunCounts, RunPage};
use dormouse_journal::{Payload, RunId, Status};
use dormouse_runtime::RunStatus;
use dormouse_store::{RunQuery, TimeRange};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Uri};
use serde::de::IgnoredAny;

use super::docs::{FilterParams, Guarded, Output, QueryProblems, RunProblems};
use super::path::PathParams;
use super::shown;
use super::state::AppState;
use crate::problem::Problem;

/// The default number of runs on a page.
const PAGE: usize = 50;

/// The largest number of runs on a page.
const LARGEST_PAGE: usize = 500;

/// Lists runs, newest first
///
/// The list has the runs that meet all conditions. Workflow, status, labels, id and the time of the start are looked up in
/// indexes. Version, failure, the time of the end and what a run waits for are checked for each run that meets the other
/// conditions. One page looks at 10,000 runs at most, or at as many operations that wait. So a page can be short, even empty,
/// and still have a `next`: the list ends only where there is no `next`.
#[utoipa::path(
    get, path = "/v1/runs", tag = "runs", operation_id = "list_runs",
    params(
        FilterParams,
        ("limit" = Option<u32>, Query, description = "At most so many, from 1 to 500; 50 if absent"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "A page of runs", body = RunPage), QueryProblems, Guarded),
)]
pub(super) async fn list(State(state): State<AppState>, uri: Uri) -> Result<Response, Problem> {
    state.turns.make(page(&state, &uri)).await
}

async fn page(state: &AppState, uri: &Uri) -> Result<Json<RunPage>, Problem> {
    let known = [&RunFilter::PARAMS[..], &["limit", "cursor"]].concat();
    let params = QueryParams::read_repeating(uri, &known, &[LABEL])?;
    let query = RunQuery {
        before: AfterRun::from_query(&params)?.map(|cursor| cursor.0),
        limit: params.limit(PAGE, 1..=LARGEST_PAGE)?,
        ..query(RunFilter::from_query(&params)?, state.dates())
    };
    // A run that was searched by its status has that status in the store, and is shown with it.
    let overlay = query.status.is_none();
    let page = state.runtime.reader().runs(query).await?;
    let dates = state.dates();
    let runs = page
        .runs
        .iter()
        .map(|run| shown::summary(run, dates).active(overlay && state.runtime.is_active(run.id)))
        .collect();
    Ok(Json(RunPage {
        runs,
        next: page.next.map(|run| AfterRun(run).to_text()),
    }))
}

/// Counts runs by status
///
/// The counts are kept while runs change, so this takes the same time however many runs there are. A run that is executing
/// counts with the status that was stored last: `suspended`, or `pending` in its first activation.
#[utoipa::path(
    get, path = "/v1/counts", tag = "runs", operation_id = "count_runs",
    params(("workflow" = Option<String>, Query, description = "Runs of this workflow only")),
    responses((status = 200, description = "How many runs have each status", body = RunCounts), QueryProblems, Guarded),
)]
pub(super) async fn counts(
    State(state): State<AppState>,
    uri: Uri,
) -> Result<Json<RunCounts>, Problem> {
    let params = QueryParams::read(&uri, &["workflow"])?;
    let workflow = params.text("workflow").map(str::to_owned);
    let counts = state.runtime.reader().counts(workflow).await?;
    Ok(Json(RunCounts::of(&counts)))
}

/// Shows a run
///
/// With `Prefer: wait=SECONDS` the answer comes when the run has ended or the time is over. With
/// `Prefer: wait=SECONDS; until=suspended` it also comes when the run waits for something.
#[utoipa::path(
    get, path = "/v1/runs/{id}", tag = "runs", operation_id = "show_run",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, and `; until=suspended`",
            example = "wait=30"),
    ),
    responses(
        (status = 200, description = "The run", body = Run,
            headers(("Preference-Applied" = String, description = "The longest time that the answer was delayed"))),
        RunProblems, Guarded,
    ),
)]
pub(super) async fn show(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let run = path.run()?;
    let (mut answer, mut known) = (HeaderMap::new(), None);
    if let Some(wait) = Wait::from_headers(&headers, state.max_wait)? {
        answer.extend([wait.applied()]);
        let waited = state.runtime.wait_until(run, wait.until(), wait.duration());
        known = waited.await?;
    }
    let shown = async { Ok((answer, Json(view(&state, run).await?))) };
    about(&state, run, known, shown).await
}

/// Returns a run's output
///
/// The answer has the bytes that the workflow returned, with their media type.
#[utoipa::path(
    get, path = "/v1/runs/{id}/output", tag = "runs", operation_id = "show_output",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The output", body = inline(Output), content_type = "*/*"),
        (status = 409, description = "`no-output`: the run has failed or was cancelled", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "`unknown-run`; `not-ended`: it has no output yet", body = ProblemBody,
            content_type = "application/problem+json"),
        RunProblems, Guarded,
    ),
)]
pub(super) async fn output(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Response, Problem> {
    let run = path.run()?;
    about(&state, run, None, output_of(&state, run)).await
}

async fn output_of(state: &AppState, run: RunId) -> Result<Response, Problem> {
    let found = state.runtime.reader().output(run).await?;
    let output = match found.ok_or_else(|| Problem::unknown_run(run))? {
        (_, Some(output)) => output,
        (status, None) if status.has_ended() => return Err(Problem::no_output(run, status)),
        (status, None) => return Err(Problem::not_ended(run, status)),
    };
    Ok(bytes(output))
}

/// Returns the input that a run was started with
///
/// The answer has the bytes of the start's body, with their media type. It is `application/octet-stream` if the bytes were
/// declared as JSON and are not.
#[utoipa::path(
    get, path = "/v1/runs/{id}/input", tag = "runs", operation_id = "show_input",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The input", body = inline(Output), content_type = "*/*"),
        RunProblems, Guarded,
    ),
)]
pub(super) async fn input(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Response, Problem> {
    let run = path.run()?;
    let input = async {
        let input = state.runtime.reader().input(run).await?;
        Ok(bytes(input.ok_or_else(|| Problem::unknown_run(run))?))
    };
    state.turns.make(input).await
}

/// Returns bytes from outside as an answer with their own media type. If they are declared as JSON but are not JSON, a
/// client would take them for a broken answer, so they are returned as plain bytes.
pub(super) fn bytes(mut payload: Payload) -> Response {
    let is_json = dormouse_api::is_json(&payload.content_type);
    let is_wrong = is_json && serde_json::from_slice::<IgnoredAny>(&payload.body).is_err();
    // `*/*` names all types, not one.
    if is_wrong || payload.content_type.contains('*') {
        payload.content_type.clear();
    }
    let content_type = HeaderValue::try_from(payload.content_type)
        .ok()
        .filter(|content_type| !content_type.is_empty())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    // Content that others wrote must not run as a page of this origin, because it could use the API from there.
    let headers = [
        (CONTENT_TYPE, content_type),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox; default-src 'none'"),
        ),
    ];
    (headers, payload.body).into_response()
}

/// The size of a run's journal in bytes up to which answers about the run are made without a turn: most runs are smaller, and
/// many ask for them.
const SMALL: u64 = 64 << 10;

/// Makes an answer about a run: its details, its output or its webhooks, all of which are in its journal. If that is large, the
/// answer is made when it has its turn. `known` is what was read of the run for the same request, if it was read.
pub(super) async fn about<T: IntoResponse>(
    state: &AppState,
    run: RunId,
    known: Option<RunStatus>,
    answer: impl Future<Output = Result<T, Problem>>,
) -> Result<Response, Problem> {
    let known = match known {
        Some(known) if known.journal_bytes.is_some() => Some(known),
        _ => state.runtime.run_status(run).await?,
    };
    match known {
        // The size is not known of a run that has continued as new: it may have kept webhooks of an earlier journal.
        Some(RunStatus { journal_bytes, .. }) if journal_bytes.is_none_or(|size| size > SMALL) => {
            let bytes = journal_bytes.unwrap_or_default();
            state.turns.make_of(bytes, answer).await
        }
        _ => Ok(answer.await?.into_response()),
    }
}

/// Returns a run with all its details.
pub(super) async fn view(state: &AppState, run: RunId) -> Result<Run, Problem> {
    let active = state.runtime.is_active(run);
    let shown = state.runtime.reader().show(run, Run::WAITING + 1).await?;
    let shown = shown.ok_or_else(|| Problem::unknown_run(run))?;
    let now = state.runtime.clock().now();
    let mut view = shown::run(&shown, active, now, state.dates());
    if view.retryable {
        let bad = state.runtime.bad_answers(run).await;
        let bad = bad.map_err(|error| Problem::not_repaired(run, error))?;
        let bad = bad.into_iter().map(|step| shown::bad_answer(run, step));
        view.bad_answers = bad.collect();
    }
    Ok(view)
}

/// Returns the status of a run.
pub(super) async fn status(state: &AppState, run: RunId) -> Result<Status, Problem> {
    Ok(run_status(state, run).await?.status)
}

/// Returns the status of a run, and the size of its journal.
pub(super) async fn run_status(state: &AppState, run: RunId) -> Result<RunStatus, Problem> {
    let run_status = state.runtime.run_status(run).await?;
    run_status.ok_or_else(|| Problem::unknown_run(run))
}

/// Returns the search for a filter. Its limit is zero, and the caller sets it.
pub(super) fn query(filter: RunFilter, dates: Dates) -> RunQuery {
    let steady = |date: Option<_>| date.map(|date| dates.steady(date));
    RunQuery {
        workflow: filter.workflow,
        status: filter.status,
        version: filter.version,
        other_than: None,
        alive: false,
        labels: filter.labels,
        created: TimeRange {
            since: steady(filter.since),
            until: steady(filter.until),
        },
        ended: TimeRange {
            since: steady(filter.ended_since),
            until: steady(filter.ended_until),
        },
        parent: filter.parent,
        failure: filter.failure,
        awaited: filter.awaited,
        ids: filter.ids.map(|prefix| (prefix.first, prefix.last)),
        before: None,
        limit: 0,
    }
}
