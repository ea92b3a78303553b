//! The history of a run, for checking code against it elsewhere.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes as Piece;
use dormouse_journal::{Beginning, History, HistoryHead, RunId, Status, generation_key};
use dormouse_store::{ReadError, RunView, StoreReader};
use futures::stream;
use http::header::CONTENT_TYPE;

use super::docs::{Bytes, Guarded, RunProblems};
use super::path::PathParams;
use super::state::AppState;
use crate::problem::Problem;

/// How many activations are read at once.
const PAGE: usize = 32;

/// Gives the history of a run
///
/// All that the run's code was given in its present generation, and what it made of it: what `dormouse replay` checks code
/// against. Of a failed run the activation in which it failed is left out, as a retry takes it back. The run's requests and
/// responses are in it, and the key of its random numbers; secrets are not.
#[utoipa::path(
    get, path = "/v1/runs/{id}/history", tag = "runs", operation_id = "export_run",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The history", body = inline(Bytes), content_type = "application/octet-stream"),
        RunProblems, Guarded,
    ),
)]
pub(super) async fn history(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Response, Problem> {
    let run = path.run()?;
    let reader = state.runtime.reader();
    let shown = reader.show(run, 0).await?;
    let shown = shown.ok_or_else(|| Problem::unknown_run(run))?;
    let tries = shown.view.state.tries;
    let head = head(&*reader, shown.view).await?;
    let begun = Piece::from(head.encode());
    let left = Left {
        reader,
        run,
        next: head.first_activation,
        end: head.first_activation + head.activations,
        tries,
    };
    let activations = stream::try_unfold(left, Left::piece);
    let pieces = stream::once(async { Ok(begun) });
    let body = Body::from_stream(futures::StreamExt::chain(pieces, activations));
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

async fn head(reader: &dyn StoreReader, view: RunView) -> Result<HistoryHead, Problem> {
    let (beginning, input) = match view.state.generation {
        0 => (Beginning::default(), reader.input(view.id).await?),
        _ => reader.generation(view.id).await?.map_or_else(
            || (Beginning::default(), None),
            |(beginning, input)| (beginning, Some(input)),
        ),
    };
    let of_first = view.state.generation == 0;
    let trigger = view.run.trigger_request().filter(|_| of_first);
    let taken_back = u32::from(view.state.status == Status::Failed);
    let activations = view.state.activations - view.state.first_activation;
    Ok(HistoryHead {
        run: view.id,
        workflow: view.run.workflow,
        version: view.run.version,
        status: view.state.status,
        started: view.run.created,
        headers: view.run.headers,
        trigger: trigger.map(|request| (request.trigger, request.method, request.url)),
        key: generation_key(view.run.key, view.state.generation),
        limits: view.run.limits,
        labels: view.run.labels,
        logged: view.state.log_bytes,
        input: input.unwrap_or_default(),
        first: (beginning.first_operation, beginning.first_webhook),
        kept: beginning.kept,
        cancel_asked: beginning.cancel_asked,
        first_activation: view.state.first_activation,
        activations: activations.saturating_sub(taken_back),
    })
}

/// What of a history is not sent yet. Nothing of it is read before the client takes it.
struct Left {
    reader: Arc<dyn StoreReader>,
    run: RunId,
    next: u32,
    end: u32,
    /// How often the run had been retried, moved or taken back.
    tries: u32,
}

impl Left {
    /// Reads the next activations. A run that goes on meanwhile adds none, since its head was sent; one that is removed, taken
    /// back or continues as new leaves the history broken off, which its reader sees.
    async fn piece(mut self) -> Result<Option<(Piece, Self)>, ReadError> {
        let left = (self.end - self.next) as usize;
        if left == 0 {
            return Ok(None);
        }
        let page = self.reader.journal(self.run, self.next, PAGE.min(left));
        let page = page.await?;
        // What is read after the run was taken back may be what took the place of what the head tells of.
        let state = self.reader.state(self.run).await?;
        let is_same = state.is_some_and(|state| state.tries == self.tries);
        if !is_same || page.activations.is_empty() {
            return Ok(None);
        }
        let mut piece = Vec::new();
        for activation in &page.activations {
            piece.extend(History::encode_activation(activation));
            self.next += 1;
        }
        Ok(Some((piece.into(), self)))
    }
}
