//! The runs of a search, page by page.

use dormouse_store::{RunQuery, RunView};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::state::AppState;
use crate::problem::Problem;

/// How many runs are looked up at once.
const PAGE: usize = 200;

/// Returns the runs that are found by a search, newest first, each page when its turn comes. A run that is started meanwhile
/// is newer than the page before, and so in none that follows. A run that changes its status meanwhile keeps its place, so
/// that it comes once, if its status at its turn is one that is looked for.
pub(super) fn views(
    state: AppState,
    query: RunQuery,
) -> BoxStream<'static, Result<RunView, Problem>> {
    let first = RunQuery {
        limit: PAGE,
        ..query
    };
    let pages = stream::try_unfold(Some(first), move |query| {
        let state = state.clone();
        async move {
            let Some(query) = query else { return Ok(None) };
            let page = state.runtime.reader().runs(query.clone()).await?;
            let views: Vec<Result<RunView, Problem>> = page.runs.into_iter().map(Ok).collect();
            let next = page.next.map(|next| RunQuery {
                before: Some(next),
                ..query
            });
            Ok::<_, Problem>(Some((stream::iter(views), next)))
        }
    });
    pages.try_flatten().boxed()
}
