//! Returns the runs of a search, page by page.

use dormouse_store::{RunQuery, RunView};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::state::AppState;
use crate::problem::Problem;

/// The number of runs that are looked up at once.
const PAGE: usize = 200;

/// Returns the runs that a search finds, newest first. Each page is read when its turn comes. A run that is started
/// meanwhile is newer than the pages that are left, so it is in none of them. A run that changes its status meanwhile
/// keeps its place, so it comes at most once, if its status at its turn matches.
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
