//! What each listener serves.

use std::time::Duration;

use axum::Router;
use http::{StatusCode, Uri};

use crate::api::{self, AppState};
use crate::ingress::{self, Ingress};
use crate::problem::Problem;
use crate::request::{pace, unread};

/// The API, and the webhooks.
pub(super) fn everything(state: AppState, ingress: Ingress, body_timeout: Duration) -> Router {
    pace::kept(
        api::router(state).merge(ingress::routes(ingress)),
        body_timeout,
    )
}

/// The webhooks, and nothing else.
pub(super) fn hooks_alone(ingress: Ingress, body_timeout: Duration) -> Router {
    let elsewhere = unread::thrown_away(Router::new().fallback(not_here));
    pace::kept(elsewhere.merge(ingress::routes(ingress)), body_timeout)
}

async fn not_here(uri: Uri) -> Problem {
    let detail = format!(
        "there is nothing at {}; this address serves webhooks alone",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, "unknown-path", detail)
}
