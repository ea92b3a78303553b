//! What each listener serves.

use std::time::Duration;

use axum::Router;
use http::{StatusCode, Uri};

use crate::ingress::{self, Ingress};
use crate::problem::Problem;
use crate::request::{pace, unread};

/// Returns the routes of the API and of the webhooks.
pub(super) fn everything(api: Router, ingress: Ingress, body_timeout: Duration) -> Router {
    pace::kept(api.merge(ingress::routes(ingress)), body_timeout)
}

/// Returns the routes of the webhooks alone.
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
