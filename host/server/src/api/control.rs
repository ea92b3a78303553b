//! Cancels, repairs, restarts and deletes runs.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use dormouse_api::request::{Wait, idempotency_key};
use dormouse_api::{
    BackTotals, CallAgain, CancelRun, ChildBack, Difference, MoveRun, NoOptions, ProblemBody,
    RepairedRun, RequestBack, RestartRun, RetryRun, RunStatus, StartedRun, TakenBack,
};
use dormouse_journal::{CancelOptions, Payload, RunId, Status, TakenItem, VersionId};
use dormouse_runtime::{Move, RepairError, RetriedWithRun, Retry};
use dormouse_store::{Cancelled, Deleted};
use http::HeaderMap;
use serde::de::DeserializeOwned;

use super::docs::{BodyProblems, Guarded, RunProblems};
use super::path::PathParams;
use super::state::AppState;
use super::subject::Subject;
use super::{runs, start};
use crate::problem::Problem;
use crate::request::body;

/// Cancels a run
///
/// What the run is doing is thrown away, and it does nothing more. To cancel it again changes nothing. With a grace, the run
/// learns of it by `wait-for-cancel`, and may end by itself before the grace is over.
#[utoipa::path(
    post, path = "/v1/runs/{id}/cancel", tag = "runs", operation_id = "cancel_run",
    params(("id" = String, Path, description = "The run's id")),
    request_body(content = Option<CancelRun>, description = "The grace and the reason. Without a body the run is cancelled at once"),
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
    let asked = asked(&state, &headers, body, Subject::Run(run), "a cancel").await?;
    let options = cancel_options(asked)?;
    Ok(Json(RunStatus::of(
        run,
        cancel_run(&state, run, options).await?,
    )))
}

/// Cancels a run, or asks it to cancel. Returns its status.
pub(super) async fn cancel_run(
    state: &AppState,
    run: RunId,
    options: CancelOptions,
) -> Result<Status, Problem> {
    match state.runtime.cancel(run, options).await? {
        Cancelled::Asked => runs::status(state, run).await,
        Cancelled::GivenUp => Ok(Status::Failed),
        Cancelled::Now | Cancelled::Before => Ok(Status::Cancelled),
        Cancelled::Ended(status) => Err(Problem::already_ended(run, status)),
        Cancelled::Unknown => Err(Problem::unknown_run(run)),
    }
}

/// The longest reason of a cancel, in bytes.
const REASON: usize = 1_024;

pub(super) fn cancel_options(asked: Option<CancelRun>) -> Result<CancelOptions, Problem> {
    let CancelRun { grace, reason } = asked.unwrap_or_default();
    let refuse = |what: &str, why: String| Problem::malformed("invalid-cancel", what, why);
    let grace = grace.map(|grace| {
        dormouse_limits::parse_span(&grace)
            .map_err(|why| refuse("`grace`", format!("is {grace:?}, which {why}")))
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

/// Resumes a run
///
/// A paused run goes on. If its own code broke before, it stays blocked: resume it again, or retry it. A blocked run is tried
/// again: from where it was if the host could not go on with it, and as by `retry` if its own code broke.
#[utoipa::path(
    post, path = "/v1/runs/{id}/resume", tag = "runs", operation_id = "resume_run",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run goes on, or is tried again", body = RepairedRun),
        (status = 409, description = "`not-blocked`: the run is neither paused nor blocked; `paused-above`: its workflow or \
            the host is paused, and has to go on instead; `run-ended`, `same-again`, `busy`, `version-unusable`",
            body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, RunProblems, Guarded,
    ),
)]
pub(super) async fn resume(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RepairedRun>, Problem> {
    let run = path.run()?;
    takes_nothing(&state, &headers, body, Subject::Run(run), "a resume").await?;
    repaired(run, state.runtime.resume(run).await).map(Json)
}

/// Retries a run whose code broke, or that has failed
///
/// Nothing of the activation in which the run broke or failed has taken effect, except answers to callers. The activation is
/// executed again: on the version in the body, otherwise on the current version of the workflow if that repeats the run's
/// journal, and otherwise on the run's own version. If a failed run got a bad result, that is asked for again: a call that
/// ended with an error or with a status of 400 or more is made again, and a run that it started and that has failed is retried
/// first. The run gets the host's present limits where they are larger than its own.
///
/// With `from`, a run that has not completed, been cancelled or been given up is taken back to before that step had its result.
/// If the host answers the step at once, the run is taken back to before the step was made. The step and everything after it is
/// done again. Requests and events that were taken since are in the inboxes again, runs that were started since end as
/// `when-parent-ends` says, and operations that were open keep their results.
#[utoipa::path(
    post, path = "/v1/runs/{id}/retry", tag = "runs", operation_id = "retry_run",
    params(("id" = String, Path, description = "The run's id")),
    request_body(content = Option<RetryRun>, description = "The options of the retry"),
    responses(
        (status = 200, description = "The run goes on", body = RepairedRun),
        (status = 404, description = "`unknown-run`, `unknown-version`, `unknown-step`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "`not-blocked`, `run-ended`; `unanswered`: the step has no answer yet; `records-too-old`: an \
            earlier version of the host wrote what would be set aside; `taken-back-too-often`; `handler-running`: a run that its \
            failure started has not ended; `same-again`: it would break or fail again; \
            `at-most-once`: a call may be made once, and nobody knows whether it was; `failure-told`: the run that started it \
            was told that it has failed, and has not failed itself; `child-gone`: a run that it started and waits for was \
            cancelled, given up or removed; `differs`: the version does not repeat its journal, and `difference` says where; \
            `busy`; `version-unusable`",
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
    let asked: Option<RetryRun> =
        asked(&state, &headers, body, Subject::Run(run), "a retry").await?;
    retry_run(&state, run, asked.unwrap_or_default())
        .await
        .map(Json)
}

/// Retries a run. Returns the result.
async fn retry_run(state: &AppState, run: RunId, asked: RetryRun) -> Result<RepairedRun, Problem> {
    retry_with(state, run, asked, Arc::default()).await
}

/// Retries a run, and notes which other runs are retried for it. Returns the result.
pub(super) async fn retry_with(
    state: &AppState,
    run: RunId,
    asked: RetryRun,
    retried_with_run: Arc<RetriedWithRun>,
) -> Result<RepairedRun, Problem> {
    let RetryRun {
        version,
        anyway,
        from,
        dry_run,
    } = asked;
    let retry = Retry {
        version: version
            .as_deref()
            .map(|version| version_of(version, "version"))
            .transpose()?,
        anyway,
        from: from.map(step_name).transpose()?,
        dry_run,
        is_of_parent: false,
        retried_with_run,
    };
    repaired(run, state.runtime.retry(run, &retry).await)
}

/// The longest name of a step, in bytes.
const STEP: usize = 1_024;

fn step_name(from: String) -> Result<String, Problem> {
    if from.is_empty() || from.len() > STEP {
        let why = format!(
            "has {} bytes, and is to be the name of a step, of 1 to {STEP} bytes, or the number of an operation",
            from.len()
        );
        return Err(Problem::malformed("invalid-step", "`from`", why));
    }
    Ok(from)
}

/// Resumes a run that is paused or blocked. Returns its status.
pub(super) async fn resume_run(state: &AppState, run: RunId) -> Result<Status, Problem> {
    let resumed = repaired(run, state.runtime.resume(run).await)?;
    Ok(resumed.status)
}

/// Moves a run to another version of its workflow
///
/// Between two activations, the run's journal is replayed against the version, without effects. If the version repeats the
/// whole journal, the run goes on with it. Otherwise nothing changes.
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
    let asked: Option<MoveRun> = asked(&state, &headers, body, Subject::Run(run), "a move").await?;
    let Some(to) = asked else {
        let why = "is empty; a move takes a JSON object with the `version` to move to";
        return Err(Problem::malformed("invalid-json", "the body", why));
    };
    move_one(&state, run, to).await.map(Json)
}

/// Moves a run to another version. Returns the result.
pub(super) async fn move_one(
    state: &AppState,
    run: RunId,
    MoveRun { version, dry_run }: MoveRun,
) -> Result<RepairedRun, Problem> {
    let version = version_of(&version, "version")?;
    let asked = Move {
        version,
        from: None,
        dry_run,
    };
    repaired(run, state.runtime.move_to(run, asked).await)
}

/// Parses a version. `field` is the name of its field, for messages.
pub(super) fn version_of(text: &str, field: &str) -> Result<VersionId, Problem> {
    text.parse().map_err(|_| {
        let why = format!("is {text:?}, which is not a version: give its 64 hexadecimal digits");
        Problem::malformed("invalid-version", &format!("`{field}`"), why)
    })
}

fn repaired(
    run: RunId,
    repaired: Result<dormouse_runtime::RepairedRun, RepairError>,
) -> Result<RepairedRun, Problem> {
    let repaired = repaired.map_err(|error| Problem::not_repaired(run, error))?;
    Ok(RepairedRun {
        id: run.to_string(),
        status: repaired.status,
        version: repaired.version.to_string(),
        paused: repaired.paused.map(|by| by.as_str().into()),
        differs: repaired.differs.as_deref().map(Difference::of),
        back: repaired.back.map(|back| taken_back(*back)),
    })
}

fn taken_back(back: dormouse_runtime::TakeBackSummary) -> TakenBack {
    let totals = BackTotals {
        again: back.again.count,
        children: back.children.count,
        requests: back.taken.count,
    };
    let again = back.again.first.into_iter();
    let children = back.children.first.into_iter();
    let requests = back.taken.first.into_iter();
    TakenBack {
        step: back.step,
        operation: back.operation.0,
        activations: back.activations,
        again: again
            .map(|(operation, step, request)| CallAgain {
                operation: operation.0,
                step,
                request,
            })
            .collect(),
        children: children
            .map(|(id, is_cancelled)| ChildBack {
                id: id.to_string(),
                becomes: if is_cancelled { "cancelled" } else { "doubled" }.into(),
            })
            .collect(),
        requests: requests.map(request_back).collect(),
        totals,
    }
}

fn request_back(taken: TakenItem) -> RequestBack {
    match taken {
        TakenItem::Request { webhook, id } => RequestBack {
            webhook: Some(webhook.0),
            delivery: Some(id),
            event: None,
        },
        TakenItem::Event { event } => RequestBack {
            webhook: None,
            delivery: None,
            event: Some(event),
        },
    }
}

/// Starts a new run with the input of another
///
/// The new run gets the input and the headers that this run was started with, or the input in the body, and the workflow's
/// current version. This run is not changed, whatever its status. `restarted` of the new run has its id.
#[utoipa::path(
    post, path = "/v1/runs/{id}/restart", tag = "runs", operation_id = "restart_run",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "A repeat with the same key and input gives the run that was started first"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, and `; until=suspended`",
            example = "wait=30"),
    ),
    request_body(content = Option<RestartRun>, description = "Another input for the new run"),
    responses(
        (status = 202, description = "The new run is started", body = StartedRun, headers(
            ("Location" = String, description = "The new run"),
            ("Preference-Applied" = String, description = "The longest time that the answer was delayed"),
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
    let restart: Option<RestartRun> =
        asked(&state, &headers, body, Subject::Run(run), "a restart").await?;
    let input = restart.and_then(input);
    let (new_run, new) = restart_run(&state, run, input, key).await?;
    start::answer(&state, new_run, new, wait).await
}

/// Starts a run again. Returns the id of the new run, and true if the run is new.
pub(super) async fn restart_run(
    state: &AppState,
    run: RunId,
    input: Option<Payload>,
    key: Option<String>,
) -> Result<(RunId, bool), Problem> {
    let restarted = state.runtime.restart(run, input, key).await?;
    restarted.ok_or_else(|| Problem::unknown_run(run))
}

/// Reads a body that is a JSON object or empty.
pub(super) async fn asked<T: DeserializeOwned + Send + 'static>(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    subject: Subject<'_>,
    what: &'static str,
) -> Result<Option<T>, Problem> {
    let (limit, memory) = (
        state.runtime.settings().limits.body,
        state.body_budget.of_api(),
    );
    let body = body::read(headers, body, limit, dormouse_limits::BODY, memory);
    let body = subject.read(state, headers, body).await?;
    if body.is_empty() {
        return Ok(None);
    }
    let size = body.len();
    let reading = move || from_object(&body, what).map(Some);
    state.runtime.compute(size, reading).await
}

/// Refuses a body that is not empty: its sender expects more than this request does.
pub(super) async fn takes_nothing(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    subject: Subject<'_>,
    what: &'static str,
) -> Result<(), Problem> {
    let asked: Option<NoOptions> = asked(state, headers, body, subject, what).await?;
    let NoOptions {} = asked.unwrap_or_default();
    Ok(())
}

/// Returns the input in the body of a restart.
pub(super) fn input(restart: RestartRun) -> Option<Payload> {
    let input = restart.input?;
    Some(dormouse_journal::json_payload(
        input.get().as_bytes().to_vec(),
    ))
}

/// Reads a body that is a JSON object.
pub(super) fn from_object<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Problem> {
    let refuse = |why: String| {
        let why = format!("is not what {what} takes: {why}");
        Problem::malformed("invalid-json", "the body", why)
    };
    // An array would be read as the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(refuse("it is not a JSON object".into()));
    }
    serde_json::from_slice(body).map_err(|error| refuse(error.to_string()))
}

/// Deletes a run that has ended
///
/// The run's journal, its output and everything else of it are removed before its retention is over.
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
