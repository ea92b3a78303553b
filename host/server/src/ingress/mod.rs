//! Ingress: `/hooks/{token}`, where the outside world wakes runs by their webhooks and starts runs by triggers.
//!
//! The checks have a fixed order, the cheapest first: the token (which needs no store), the methods that never reach a
//! run, the method, the length of the body, and the rest of the head, which the runtime checks. Only then the body is
//! read, and the runtime does the remaining checks. The caller is answered when the request is durable, whatever the
//! run does, unless the webhook replies from the workflow.

mod answer;
pub mod client;
mod cors;
mod rejections;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use dormouse_api::request::for_the_run;
use dormouse_journal as journal;
use dormouse_journal::{RunId, WebhookNumber};
use dormouse_runtime::{Address, Endpoint, Received, Runtime, TriggerOutcome};
use dormouse_webhook::Token;
use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use hyper::body::Body as _;

use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::request::body;
use crate::request::body_memory::BodyBudget;
use client::{Caller, TrustedProxies, base};

pub(crate) use answer::make_response;
pub use rejections::{Rejected, Rejections, Source};

/// The state that the routes need.
#[derive(Clone)]
pub struct Ingress {
    /// The host.
    pub runtime: Runtime,
    /// The counters.
    pub metrics: Metrics,
    /// The refused requests, counted for each webhook.
    pub rejections: Rejections,
    /// The memory for bodies.
    pub(crate) body_budget: BodyBudget,
    /// The proxies that are believed.
    pub trusted: Arc<TrustedProxies>,
}

/// Returns the routes under `/hooks/`.
pub fn routes(ingress: Ingress) -> Router {
    Router::new()
        .route("/hooks/{token}", any(receive))
        .route("/hooks/{token}/", any(receive))
        .route("/hooks/{token}/{*rest}", any(receive))
        .with_state(ingress)
}

/// Returns the routes of an address that serves only webhooks.
pub fn routes_alone(ingress: Ingress) -> Router {
    routes(ingress).fallback(not_here)
}

async fn not_here(uri: Uri) -> Problem {
    let detail = format!(
        "there is nothing at {}; this address serves webhooks alone",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, "unknown-path", detail)
}

async fn receive(State(ingress): State<Ingress>, request: Request<Body>) -> Response {
    let Some(address) = ingress.runtime.read_token(token(request.uri())) else {
        let problem = Problem::new(
            StatusCode::NOT_FOUND,
            "unknown-webhook",
            "there is no such webhook on this host",
        );
        return ingress.count(None, problem.code(), problem.into_response());
    };
    let caller = ingress.caller(&request);
    let (answered, origin) = respond(&ingress, address, caller.as_ref(), request).await;
    let response = match answered {
        Ok((response, outcome)) => ingress.count(Some(address), outcome, response),
        Err(problem) => {
            let now = ingress.runtime.clock().now();
            let client = caller.map(|caller| caller.address);
            ingress
                .rejections
                .count(source(address), client, &problem, now);
            ingress.count(Some(address), problem.code(), problem.into_response())
        }
    };
    cors::readable(response, origin)
}

impl Ingress {
    /// Returns the caller of a request. None only if the request did not come over a connection.
    fn caller(&self, request: &Request<Body>) -> Option<Caller> {
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some(client::caller(*peer, request.headers(), &self.trusted))
    }

    fn count(
        &self,
        address: Option<Address>,
        outcome: &'static str,
        response: Response,
    ) -> Response {
        let status = response.status();
        match address {
            Some(Address::Trigger(_)) => self.metrics.trigger_answered(outcome, status),
            Some(Address::Webhook(_)) | None => self.metrics.hook_answered(outcome, status),
        }
        response
    }
}

/// Returns the webhook or trigger for which a refusal is counted.
fn source(address: Address) -> Source {
    match address {
        Address::Webhook(Token { run, webhook }) => Source::Webhook(run, webhook),
        Address::Trigger(token) => Source::Trigger(token.trigger),
    }
}

/// Returns the run and the webhook for which the memory of a body is taken. A trigger has the share of a webhook of its
/// own run.
fn room_of(address: Address) -> (RunId, WebhookNumber) {
    match address {
        Address::Webhook(Token { run, webhook }) => (run, webhook),
        Address::Trigger(token) => (RunId(token.trigger.0), WebhookNumber(0)),
    }
}

/// Returns the token as it is in the path. It is not decoded, because it would then have more than one spelling, and a
/// path that does not decode to text could not be called.
fn token(uri: &Uri) -> &str {
    let rest = uri.path().strip_prefix("/hooks/").unwrap_or_default();
    rest.split('/').next().unwrap_or_default()
}

/// An answer and the name under which it is counted, or the problem.
type Answered = Result<(Response, &'static str), Problem>;

/// Answers a request. Also returns the name under which the answer is counted, and the origin of the page that may read
/// it.
async fn respond(
    ingress: &Ingress,
    address: Address,
    caller: Option<&Caller>,
    request: Request<Body>,
) -> (Answered, Option<HeaderValue>) {
    if request.method() == Method::HEAD {
        return (Ok((StatusCode::OK.into_response(), "head")), None);
    }
    match ingress.runtime.endpoint(address).await {
        Ok(endpoint) => {
            let origin = cors::allowed(&endpoint, request.headers());
            let is_allowed = origin.is_some();
            let answered = take(ingress, address, caller, endpoint, is_allowed, request).await;
            (answered, origin)
        }
        Err(refusal) => (Err(answer::refused(refusal, None)), None),
    }
}

/// Answers a request to a webhook or a trigger. `is_allowed` is true if it comes from a page that may send requests
/// here.
async fn take(
    ingress: &Ingress,
    address: Address,
    caller: Option<&Caller>,
    endpoint: Endpoint,
    is_allowed: bool,
    request: Request<Body>,
) -> Answered {
    let is_options = request.method() == Method::OPTIONS;
    if is_options && is_allowed && cors::is_preflight(request.headers()) {
        let methods = answer::allow(endpoint.allowed());
        let response = cors::preflight(methods, request.headers());
        return Ok((response, "options"));
    }
    let unproven = endpoint.refused();
    let refused = |refusal| answer::refused(refusal, unproven.clone());
    endpoint.admit(request.method().as_str()).map_err(refused)?;
    let settings = ingress.runtime.settings();
    let length = length(request.body());
    let (parts, body) = request.into_parts();
    let head = head(&parts, &base(&settings.public_url, caller));
    if is_options && !endpoint.may_be_probe(&head, length) {
        let allow = answer::allow(endpoint.allowed());
        let response = (StatusCode::NO_CONTENT, [(ALLOW, allow)]).into_response();
        return Ok((response, "options"));
    }
    let (limit, setting) = (settings.limits.body, dormouse_limits::BODY);
    if length.is_some_and(|length| length > limit) {
        return Err(Problem::too_large(limit, setting));
    }
    let endpoint = match address {
        Address::Trigger(_) => endpoint.showing(for_the_run(&parts.headers)),
        Address::Webhook(_) => endpoint,
    };
    let (run, webhook) = room_of(address);
    let memory = || ingress.body_budget.of_webhook(run, webhook);
    // Answers that are not read use up the share too. Another one is not even looked up.
    memory().check_share()?;
    let body_memory = memory().with_weight(parts.extensions.get().copied());
    let body = body::read(&parts.headers, body, limit, setting, body_memory);
    let received = endpoint.receive(head, length, body).await?;
    let received = received.map_err(refused)?;
    if let Received::Triggered {
        came: TriggerOutcome::Started,
        ..
    } = received
    {
        ingress.metrics.run_started();
    }
    let (response, outcome) = answer::received(received);
    Ok((memory().answer(response)?, outcome))
}

/// Returns the length of a body, as far as it is known before the body is read.
fn length(body: &Body) -> Option<u64> {
    if body.is_end_stream() {
        Some(0)
    } else {
        body.size_hint().exact()
    }
}

/// Returns a request as its run sees it, without its body. Headers of the same name are together and in order, at the
/// place of the first. The order of different names has no meaning (RFC 9110, section 5.3), and HTTP/2 does not keep
/// it.
fn head(parts: &Parts, base: &str) -> journal::Request {
    let target = parts.uri.path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = Bytes::copy_from_slice(value.as_bytes());
        (name.as_str().to_owned(), value)
    });
    journal::Request {
        method: parts.method.as_str().to_owned(),
        url: format!("{base}{target}"),
        headers: headers.collect(),
        body: Bytes::new(),
    }
}
