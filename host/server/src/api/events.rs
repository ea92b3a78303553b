//! Sends events.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use dormouse_api::{Notified, NotifiedRun, ProblemBody};
use dormouse_store::AimedNotified;
use http::{HeaderMap, StatusCode};

use super::docs::{BodyProblems, Bytes, Guarded, RunProblems};
use super::path::PathParams;
use super::state::AppState;
use super::subject::Subject;
use crate::problem::Problem;
use crate::request::body;

/// Sends an event to all who wait for it
///
/// The event reaches every wait for it that was made before and is still open, once each. It is not kept for later waits: if a
/// message must not be lost, use a webhook, or send the event to one run. The answer comes when the event has reached all
/// waits, or after 5 seconds with those that it has reached by then. The others are still reached after that.
#[utoipa::path(
    post, path = "/v1/events/{event}", tag = "events", operation_id = "send_event",
    params(("event" = String, Path, description = "The event's name, of 1 to 256 bytes")),
    request_body(content = inline(Option<Bytes>), content_type = "*/*", description = "The data of the event"),
    responses(
        (status = 200, description = "The runs that the event reached", body = Notified),
        (status = 202, description = "The runs that the event has reached so far", body = Notified),
        (status = 429, description = "`events-full`: runs have not taken large events that were sent before",
            body = ProblemBody, content_type = "application/problem+json",
            headers(("Retry-After" = u32, description = "Seconds after which to try again"))),
        (status = 415, description = "`unsupported-encoding`: the body has a `Content-Encoding`", body = ProblemBody,
            content_type = "application/problem+json",
            headers(("Accept-Encoding" = String, description = "The encodings that are accepted: `identity`"))),
        BodyProblems, Guarded,
    ),
)]
pub(super) async fn broadcast(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Notified>), Problem> {
    let event = event(&state, &path)?;
    let limit = state.runtime.settings().limits.body;
    let check = |body| state.check_json(body);
    let memory = state.body_budget.of_api();
    let payload = body::read_payload(&headers, body, limit, memory, check).await?;
    let reached = state.runtime.notify(event, payload).await?;
    let status = match reached.is_done {
        true => StatusCode::OK,
        false => StatusCode::ACCEPTED,
    };
    let notified = Notified {
        waits: reached.waits,
        runs: reached.runs.iter().map(ToString::to_string).collect(),
        more: reached.more || !reached.is_done,
    };
    Ok((status, Json(notified)))
}

/// Sends an event to one run
///
/// The run keeps the event until it waits for an event of this name. Events of one name are taken in the order in which they
/// came.
#[utoipa::path(
    post, path = "/v1/runs/{id}/events/{event}", tag = "events", operation_id = "send_event_to_run",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("event" = String, Path, description = "The event's name, of 1 to 256 bytes"),
    ),
    request_body(content = inline(Option<Bytes>), content_type = "*/*", description = "The data of the event"),
    responses(
        (status = 202, description = "The run keeps it", body = NotifiedRun),
        (status = 410, description = "`run-ended`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`inbox-full`: the run has not taken what was sent before; or `run-storage-full` or \
            `workflow-storage-full`: it or all runs of its workflow take as much of the disk as they may", body = ProblemBody,
            content_type = "application/problem+json",
            headers(("Retry-After" = u32, description = "Seconds after which to try again"))),
        (status = 415, description = "`unsupported-encoding`: the body has a `Content-Encoding`", body = ProblemBody,
            content_type = "application/problem+json",
            headers(("Accept-Encoding" = String, description = "The encodings that are accepted: `identity`"))),
        RunProblems, BodyProblems, Guarded,
    ),
)]
pub(super) async fn aim(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<NotifiedRun>), Problem> {
    let run = path.run()?;
    let event = event(&state, &path)?;
    let limit = state.runtime.settings().limits.body;
    let check = |body| state.check_json(body);
    let memory = state.body_budget.of_api();
    let payload = body::read_payload(&headers, body, limit, memory, check);
    let subject = Subject::Receiver(run);
    let payload = subject.read(&state, &headers, payload).await?;
    match state
        .runtime
        .notify_run(run, event.clone(), payload)
        .await?
    {
        AimedNotified::Queued => Ok((
            StatusCode::ACCEPTED,
            Json(NotifiedRun {
                run: run.to_string(),
                event,
            }),
        )),
        AimedNotified::RunFailed => Err(Problem::takes_events_if_retried()),
        AimedNotified::Ended => Err(Problem::takes_no_events(run)),
        AimedNotified::Full => Err(Problem::inbox_full(run, &event)),
        AimedNotified::RunFull => Err(Problem::run_storage_full(run)),
        AimedNotified::WorkflowFull => Err(Problem::workflow_storage_full(run)),
        AimedNotified::Unknown => Err(Problem::unknown_run(run)),
    }
}

/// Returns the name of an event, which has the same limit as in workflows.
fn event(state: &AppState, path: &PathParams) -> Result<String, Problem> {
    let limit = state.runtime.settings().limits.step_name;
    path.event(limit).map(str::to_owned)
}
