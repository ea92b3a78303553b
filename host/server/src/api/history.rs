//! The history of a run, for checking code against it without the host.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dormouse_journal::History;
use dormouse_runtime::RunHistory;
use dormouse_store::ReadError;
use futures::stream;
use http::header::CONTENT_TYPE;

use super::docs::{Bytes as Octets, Guarded, RunProblems};
use super::path::PathParams;
use super::state::AppState;
use crate::problem::Problem;

/// Returns the history of a run
///
/// A history has everything that the run's code was given in its present generation, and what it did; `dormouse replay` checks
/// code against it. If the run has failed, the activation in which it failed is left out, because a retry takes it back. The
/// history has the run's requests and responses, and the key of its random numbers. It has no secrets.
#[utoipa::path(
    get, path = "/v1/runs/{id}/history", tag = "runs", operation_id = "export_run",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The history", body = inline(Octets), content_type = "application/octet-stream"),
        RunProblems, Guarded,
    ),
)]
pub(super) async fn history(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Response, Problem> {
    let run = path.run()?;
    let begun = state.runtime.history(run).await?;
    let (head, left) = begun.ok_or_else(|| Problem::unknown_run(run))?;
    let begun = Bytes::from(head.encode());
    let activations = stream::try_unfold(left, piece);
    let pieces = stream::once(async { Ok(begun) });
    let body = Body::from_stream(futures::StreamExt::chain(pieces, activations));
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

/// Reads the next piece, once the client has taken the piece before.
async fn piece(mut left: RunHistory) -> Result<Option<(Bytes, RunHistory)>, ReadError> {
    let Some(activations) = left.next().await? else {
        return Ok(None);
    };
    let mut piece = Vec::new();
    for activation in &activations {
        piece.extend(History::encode_activation(activation));
    }
    Ok(Some((piece.into(), left)))
}
