//! The routes for operators and their tools: health, readiness, metrics, the OpenAPI document.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use dormouse_api::{ClockStep, Degraded, Health, ProblemBody};
use dormouse_limits::Part;
use dormouse_runtime::Readiness;
use http::header::CONTENT_TYPE;

use super::docs::Guarded;
use super::state::AppState;
use crate::health;
use crate::metrics::{self, Moment};
use crate::problem::Problem;

/// Says whether the process is alive
#[utoipa::path(
    get, path = "/healthz", tag = "operations", operation_id = "show_health", security(()),
    responses((status = 200, description = "The process is alive", body = String, content_type = "text/plain")),
)]
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Says whether the host can take work
///
/// The host can take work if something became durable within the last 5 seconds. If nothing was to be written, this request
/// causes a write that changes nothing, at most once a second, and waits for it.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", operation_id = "show_readiness", security(()),
    responses(
        (status = 200, description = "The host can take work. The body says what does not work as it should, and whether the machine's clock was set", body = Health),
        (status = 503, description = "`not-ready`: the detail says why, and what does not work as it should", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(super) async fn ready(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    let readiness = state.health.readiness().await;
    let degraded = state.health.degraded().await;
    let clock = state.runtime.clock();
    match readiness {
        Readiness::Ready => Ok(Json(Health {
            status: "ready".into(),
            degraded: degraded.into_iter().map(shown).collect(),
            clock: ClockStep::of(clock.ahead(), clock.stepped()),
        })),
        Readiness::NotReady(why) => Err(Problem::not_ready(&why, &degraded)),
    }
}

fn shown(degraded: health::Degraded) -> Degraded {
    Degraded {
        what: degraded.name().into(),
        why: degraded.explanation().into(),
    }
}

/// Returns metrics in the format of Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "operations", operation_id = "show_metrics",
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "application/openmetrics-text"),
        Guarded,
    ),
)]
pub(super) async fn metrics(State(state): State<AppState>) -> Response {
    let (active, warm) = state.runtime.instances();
    let reader = state.runtime.reader();
    let inbox_bytes = reader.inbox_bytes().await;
    let runs = reader.counts(None).await;
    let pauses = reader.pauses().await.unwrap_or_default();
    let moment = Moment {
        paused: [
            ("host", u64::from(pauses.host.is_some())),
            ("workflows", pauses.workflows.len() as u64),
            ("runs", pauses.runs),
        ],
        active,
        warm,
        held: state.runtime.held(),
        runs: runs.ok(),
        inbox_bytes: inbox_bytes.ok(),
        commits: state.runtime.commits(),
        memory: Part::ALL.map(|part| (part.name(), state.runtime.memory().taken(part))),
        clock_ahead: state.runtime.clock().ahead(),
        clock_steps: state.runtime.clock().stepped(),
        degraded: state.health.degraded().await,
    };
    (
        [(CONTENT_TYPE, metrics::CONTENT)],
        state.metrics.encode(moment),
    )
        .into_response()
}

/// Returns this document
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations", operation_id = "show_document", security(()),
    responses((status = 200, description = "The document", body = serde_json::Value)),
)]
pub(super) async fn openapi(State(state): State<AppState>) -> Response {
    ([(CONTENT_TYPE, "application/json")], state.document.clone()).into_response()
}
