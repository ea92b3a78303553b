//! Ingress: `/hooks/{token}`, where the outside world wakes runs.
//!
//! The order of checks is fixed, and each is cheaper than the next: the token (which needs no store), the methods that
//! never reach a run, the method, the size; then what is decided where the request is made durable: duplicate, ended,
//! limits. The caller is answered after that, and never with anything that depends on what the run does.

pub mod client;
mod key;
mod request;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use dormouse_journal::WebhookOptions;
use dormouse_runtime::{Incoming, Received, Runtime};
use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode, Uri};

use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::request::unread;

/// What the routes need.
#[derive(Clone)]
pub struct Ingress {
    /// The host.
    pub runtime: Runtime,
    /// What is counted.
    pub metrics: Metrics,
}

/// Seconds after which a caller may try a full inbox again. A guess: it empties when the run takes from it.
const RETRY_FULL: &str = "30";

/// The routes under `/hooks/`.
pub fn routes(ingress: Ingress) -> Router {
    let routes = Router::new()
        .route("/hooks/{token}", any(receive))
        .route("/hooks/{token}/", any(receive))
        .route("/hooks/{token}/{*rest}", any(receive))
        .with_state(ingress);
    unread::thrown_away(routes)
}

async fn receive(State(ingress): State<Ingress>, request: Request<Body>) -> Response {
    let response = match respond(&ingress, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    ingress.metrics.hook_answered(response.status());
    response
}

/// The token as it stands in the path. Decoded, it would have more than one spelling, and a path that does not decode to
/// text could not be called at all.
fn token(uri: &Uri) -> &str {
    let rest = uri.path().strip_prefix("/hooks/").unwrap_or_default();
    rest.split('/').next().unwrap_or_default()
}

async fn respond(ingress: &Ingress, request: Request<Body>) -> Result<Response, Problem> {
    let runtime = &ingress.runtime;
    let Some(token) = runtime.read_token(token(request.uri())) else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "unknown-webhook",
            "there is no such webhook on this host",
        ));
    };
    if request.method() == Method::HEAD {
        return Ok(StatusCode::OK.into_response());
    }
    let options = runtime
        .webhook(token)?
        .map(|webhook| webhook.options)
        .unwrap_or_default();
    let allow = allow(&options);
    if request.method() == Method::OPTIONS {
        return Ok((StatusCode::NO_CONTENT, [(ALLOW, allow)]).into_response());
    }
    if !options
        .delivered_methods()
        .contains(&request.method().as_str())
    {
        let detail = format!("this webhook does not take {}", request.method());
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail);
        return Err(problem.with_header(ALLOW, allow));
    }
    let key = key::delivery_key(request.headers())?;
    let settings = runtime.settings();
    let request = request::read(request, &settings.public_url, settings.limits.body).await?;
    let received = runtime
        .receive(Incoming {
            token,
            request,
            key,
        })
        .await?;
    answer(&received)
}

fn answer(received: &Received) -> Result<Response, Problem> {
    let accepted = |id: &str, duplicate: bool| {
        let body = axum::Json(serde_json::json!({ "id": id, "duplicate": duplicate }));
        Ok((StatusCode::ACCEPTED, body).into_response())
    };
    match received {
        Received::Accepted { id } => accepted(id, false),
        Received::Duplicate { id } => accepted(id, true),
        Received::OtherBody => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "this Idempotency-Key came with another body before: use a new key for a new request",
        )),
        Received::Gone => Err(Problem::new(
            StatusCode::GONE,
            "webhook-gone",
            "this webhook was closed, or its run has ended",
        )),
        Received::InboxFull => Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "inbox-full",
            "this webhook's inbox is full: the run has not taken what was sent before",
        )
        .with_header(RETRY_AFTER, HeaderValue::from_static(RETRY_FULL))),
        Received::Unknown => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "unknown-webhook",
            "there is no such webhook on this host",
        )),
    }
}

fn allow(options: &WebhookOptions) -> HeaderValue {
    let mut methods = options.delivered_methods();
    methods.extend(["HEAD", "OPTIONS"]);
    // The contract takes only tokens for methods, which are good header values.
    HeaderValue::try_from(methods.join(", ")).unwrap_or(HeaderValue::from_static("HEAD, OPTIONS"))
}
