//! The calls of a run: the request of a call that has no result yet.

use axum::extract::State;
use axum::response::Response;
use dormouse_api::ProblemBody;
use dormouse_journal::{Header, OperationNumber, Payload, RunId};

use super::docs::{Guarded, Output, RunProblems};
use super::path::PathParams;
use super::runs::bytes;
use super::state::AppState;
use crate::problem::Problem;

/// Returns the body of a call's request
///
/// The answer has the bytes that each attempt at the call sends, with the media type that the workflow gave. The host keeps a
/// request until its call has a result; `waiting` of the run lists the calls without a result. Headers are not shown, because
/// they may have credentials in them.
#[utoipa::path(
    get, path = "/v1/runs/{id}/calls/{operation}/request", tag = "runs", operation_id = "show_call_request",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("operation" = u32, Path, description = "The number of the call among the run's operations"),
    ),
    responses(
        (status = 200, description = "The body", body = inline(Output), content_type = "*/*"),
        (status = 404, description = "`unknown-run`; `request-not-kept`: the operation is not a call, or its call has a result or \
            was given up", body = ProblemBody, content_type = "application/problem+json"),
        RunProblems, Guarded,
    ),
)]
pub(super) async fn request(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Response, Problem> {
    let (run, operation) = (path.run()?, path.operation()?);
    state.turns.make(request_of(&state, run, operation)).await
}

async fn request_of(
    state: &AppState,
    run: RunId,
    operation: OperationNumber,
) -> Result<Response, Problem> {
    let reader = state.runtime.reader();
    let Some(call) = reader.call(run, operation).await? else {
        let is_known = reader.state(run).await?.is_some();
        return Err(if is_known {
            Problem::request_not_kept(run, operation)
        } else {
            Problem::unknown_run(run)
        });
    };
    let request = call.request;
    Ok(bytes(Payload {
        content_type: content_type(&request.headers),
        body: request.body,
    }))
}

/// Returns the media type in the headers. Empty if there is none.
fn content_type(headers: &[Header]) -> String {
    let header = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    header.map_or_else(String::new, |(_, value)| {
        String::from_utf8_lossy(value).into_owned()
    })
}
