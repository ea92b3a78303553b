//! The HTTP API: `/v1`, and the routes for operators' probes.
//!
//! Handlers are short: they read the request, ask the [`Runtime`](dormouse_runtime::Runtime), and answer with a type of
//! [`model`](dormouse_api) or a [`Problem`]. There is one file for each subject:
//!
//! - `workflows`, `start`, `runs`, `calls`, `records` (journal, log, webhooks), `history`, `control` (cancel, resume,
//!   restart, delete), `actions` (one action on many runs), `move_many`, `check` (new code against existing runs),
//!   `events`, `secrets`, `triggers` (with their options in `trigger_options`), `webhooks` (forgetting a request).
//!   `found` and `lines` are shared by the requests about many runs.
//! - `backup` makes a copy of everything, in the `backup_place`.
//! - `operations` has health, readiness, metrics and the OpenAPI document. `docs` has the parts of the document that
//!   are not at the handlers.
//! - `auth` guards `/v1` and `/metrics`.
//! - `providers` shows the known providers of webhooks.
//! - `pauses` pauses and resumes runs, workflows and the host.
//! - `path` reads the variable parts of a path, `subject` looks up what they name if the body is slow to arrive, and
//!   [`dormouse_api::request`] reads every other part of a request.
//! - `large` lets only a few answers of any size be made at the same time.
//! - `shown` makes answers from the data of the store.

mod actions;
mod auth;
mod backup;
mod backup_place;
mod calls;
mod check;
mod control;
mod docs;
mod events;
mod found;
mod history;
mod large;
mod lines;
mod move_many;
mod operations;
mod path;
mod pauses;
mod providers;
mod records;
mod runs;
mod secrets;
mod shown;
mod start;
mod state;
mod subject;
mod trigger_options;
mod triggers;
mod webhooks;
mod workflows;

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use dormouse_config::Config;
use dormouse_runtime::Runtime;
use dormouse_store::Backup;
use http::{Method, StatusCode, Uri};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::health::Health;
use crate::ingress::Rejections;
use crate::metrics::Metrics;
use crate::problem::Problem;
use state::AppState;

/// Returns the routes of the API, and of every path that no other routes serve.
pub fn router(
    runtime: Runtime,
    backup: Arc<dyn Backup>,
    config: &Config,
    metrics: Metrics,
    health: Health,
    rejections: Rejections,
) -> Router {
    let (routes, document) = routes().split_for_parts();
    let document = docs::to_json(&document).into();
    let state = AppState::new(
        runtime, backup, config, metrics, health, rejections, document,
    );
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(
            state.clone(),
            guard_and_count,
        ))
        .with_state(state)
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(docs::frame())
        .routes(routes!(workflows::list))
        .routes(routes!(
            workflows::show,
            workflows::deploy,
            workflows::delete
        ))
        .routes(routes!(start::start))
        .routes(routes!(runs::list))
        .routes(routes!(runs::counts))
        .routes(routes!(actions::act))
        .routes(routes!(runs::show, control::delete))
        .routes(routes!(runs::input))
        .routes(routes!(runs::output))
        .routes(routes!(calls::request))
        .routes(routes!(records::journal))
        .routes(routes!(history::history))
        .routes(routes!(records::logs))
        .routes(routes!(records::webhooks))
        .routes(routes!(control::cancel))
        .routes(routes!(control::resume))
        .routes(routes!(pauses::pause_run))
        .routes(routes!(pauses::pause_workflow))
        .routes(routes!(pauses::resume_workflow))
        .routes(routes!(pauses::show, pauses::pause_host))
        .routes(routes!(pauses::resume_host))
        .routes(routes!(control::retry))
        .routes(routes!(control::move_run))
        .routes(routes!(control::restart))
        .routes(routes!(workflows::settings, workflows::set_settings))
        .routes(routes!(check::check))
        .routes(routes!(move_many::move_runs))
        .routes(routes!(events::broadcast))
        .routes(routes!(events::aim))
        .routes(routes!(providers::list))
        .routes(routes!(providers::show))
        .routes(routes!(secrets::list))
        .routes(routes!(
            secrets::show,
            secrets::set,
            secrets::change_uses,
            secrets::delete
        ))
        .routes(routes!(triggers::list))
        .routes(routes!(triggers::show_one, triggers::set, triggers::delete))
        .routes(routes!(triggers::rotate))
        .routes(routes!(triggers::pause))
        .routes(routes!(triggers::resume))
        .routes(routes!(webhooks::forget))
        .routes(routes!(backup::backup))
        .routes(routes!(operations::health))
        .routes(routes!(operations::ready))
        .routes(routes!(operations::metrics))
        .routes(routes!(operations::openapi))
}

async fn not_found(uri: Uri) -> Problem {
    let detail = format!(
        "there is nothing at {}; /openapi.json lists what there is",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, "unknown-path", detail)
}

/// The header `Allow` is added by the router, which knows the methods.
async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!(
        "{} does not take {method}; the header Allow lists what it takes",
        uri.path()
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

/// Passes an allowed request on, refuses any other, and counts the answer. This is one layer and not two, because axum
/// allocates for each layer of each request.
async fn guard_and_count(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    // What is not under `/v1` is small, or the same for all.
    let takes_memory = request.uri().path().starts_with("/v1/");
    let mut response = match state.auth.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    if takes_memory {
        let answer = state.body_budget.of_api().answer(response);
        response = answer.unwrap_or_else(IntoResponse::into_response);
    }
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    state
        .metrics
        .request_answered(&method, route, response.status());
    response
}

#[cfg(test)]
mod tests;
