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
    let (begun, left) = {
        let _turn = state.turns.next(0).await;
        let begun = state.runtime.history(run).await?;
        let (head, left) = begun.ok_or_else(|| Problem::unknown_run(run))?;
        (
            state.body_budget.of_api().piece(head.encode().into())?,
            left,
        )
    };
    let activations = stream::try_unfold((state, left), |(state, left)| piece(state, left));
    let pieces = stream::once(async { Ok(begun) });
    let body = Body::from_stream(futures::StreamExt::chain(pieces, activations));
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

/// The reason why a history ends early. Its client sees that the connection ends before the answer does.
#[derive(Debug, thiserror::Error)]
enum CutOff {
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The memory for answers is used up by answers that are not read.
    #[error("the memory for answers of the API is used up")]
    NoMemory,
}

/// Reads the next piece, once the client has taken the piece before. The piece takes memory until it is sent.
async fn piece(
    state: AppState,
    mut left: RunHistory,
) -> Result<Option<(Bytes, (AppState, RunHistory))>, CutOff> {
    let turn = state.turns.next(left.journal_bytes()).await;
    let Some(activations) = left.next().await? else {
        return Ok(None);
    };
    let mut piece = Vec::new();
    for activation in &activations {
        piece.extend(History::encode_activation(activation));
    }
    let piece = state.body_budget.of_api().piece(piece.into());
    let piece = piece.map_err(|_| CutOff::NoMemory)?;
    drop(turn);
    Ok(Some((piece, (state, left))))
}
