//! Backups: everything durable in one file.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use dormouse_api::ProblemBody;
use dormouse_runtime::Runtime;
use dormouse_store_redb::store_size;
use futures::{Stream, stream};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::sync::OwnedSemaphorePermit;

use super::backup_place::BackupPlace;
use super::docs::{Bytes, Guarded};
use super::state::AppState;
use crate::machine::Scratch;
use crate::problem::Problem;

/// The number of bytes that are read and sent at once.
const PIECE: usize = 256 << 10;

/// A backup that is complete. It keeps its place until it was fetched.
struct FinishedBackup {
    file: std::fs::File,
    length: u64,
    turn: OwnedSemaphorePermit,
}

/// Makes a backup
///
/// The backup is the store as it was at one moment after the request came, and has everything that was acknowledged before. The
/// host goes on meanwhile. The answer begins when the copy is made. If the answer is cut off, the backup is not complete:
/// compare its length. The backup has the keys of webhook tokens and the sealed secrets, but not the key that opens those.
#[utoipa::path(
    get, path = "/v1/backup", tag = "operations", operation_id = "make_backup",
    responses(
        (status = 200, description = "The backup: a store, for the data directory of a host", body = inline(Bytes),
            content_type = "application/octet-stream",
            headers(("Content-Length" = u64, description = "Its size"))),
        (status = 409, description = "`backup-running`: there is one at a time", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 500, description = "`backup-failed`: the host's log says why", body = ProblemBody,
            content_type = "application/problem+json"),
        Guarded,
    ),
)]
pub(super) async fn backup(State(state): State<AppState>) -> Result<Response, Problem> {
    let Some(turn) = state.backup_place.take() else {
        return Err(Problem::backup_running());
    };
    // This is dropped together with the future, which is dropped when the client disconnects.
    let wanted = Arc::new(());
    let is_wanted = {
        let wanted = Arc::downgrade(&wanted);
        move || wanted.strong_count() > 0
    };
    let made = tokio::task::spawn_blocking(move || {
        make(&state.runtime, &state.backup_place, turn, &is_wanted)
    })
    .await;
    drop(wanted);
    let made = made.unwrap_or_else(|error| {
        tracing::error!(%error, "a backup panicked");
        let detail = "the host could not make a backup; its log says why";
        Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            detail,
        ))
    })?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, made.length.to_string()),
    ];
    Ok((headers, Body::from_stream(pieces(made))).into_response())
}

fn make(
    runtime: &Runtime,
    place: &BackupPlace,
    turn: OwnedSemaphorePermit,
    is_wanted: &dyn Fn() -> bool,
) -> Result<FinishedBackup, Problem> {
    let scratch = Scratch::new(place.directory()).map_err(|error| failed(&error))?;
    let target = scratch.reader().map_err(|error| failed(&error))?;
    // A host that is stopping gives the backup up.
    let is_wanted = || is_wanted() && !runtime.is_stopping();
    if let Err(error) = place.store().back_up(target, &is_wanted) {
        let size = store_size(place.directory()).map_err(|error| failed(&error))?;
        return Err(Problem::no_backup(error, size));
    }
    let file = scratch.reader().map_err(|error| failed(&error))?;
    let length = file.metadata().map_err(|error| failed(&error))?.len();
    tracing::info!(bytes = length, "a backup was made");
    Ok(FinishedBackup { file, length, turn })
}

fn failed(error: &io::Error) -> Problem {
    tracing::error!(%error, "the file of a backup cannot be used");
    Problem::backup_failed()
}

/// Returns a backup in pieces. A client that does not read them is cut off like any other, and then the file is
/// removed.
fn pieces(made: FinishedBackup) -> impl Stream<Item = io::Result<bytes::Bytes>> {
    let FinishedBackup { file, turn, .. } = made;
    stream::try_unfold((File::from_std(file), turn), async |(mut file, turn)| {
        let mut piece = BytesMut::with_capacity(PIECE);
        match file.read_buf(&mut piece).await? {
            0 => Ok(None),
            _ => Ok(Some((piece.freeze(), (file, turn)))),
        }
    })
}
