//! Ingress: `/hooks/{token}`, where the outside world wakes runs.
//!
//! The order of checks is fixed, and each is cheaper than the next: the token (which needs no store), the methods that
//! never reach a run, the method, the size; then, in the runtime, what the webhook's options ask for: signature, probe,
//! repeat, ended, limits. The caller is answered when the request is durable; what the run does changes nothing about
//! that, unless the webhook replies from the workflow.

mod answer;
pub mod client;
mod rejections;
mod request;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use dormouse_runtime::{Addressee, Refusal, Runtime};
use dormouse_webhook::Token;
use http::header::ALLOW;
use http::{HeaderValue, Method, Request, StatusCode, Uri};

use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::request::unread;
use client::{Caller, TrustedProxies};

pub use rejections::{Rejected, Rejections};

/// What the routes need.
#[derive(Clone)]
pub struct Ingress {
    /// The host.
    pub runtime: Runtime,
    /// What is counted.
    pub metrics: Metrics,
    /// What is counted of refused requests for each webhook.
    pub rejections: Rejections,
    /// Proxies that are believed.
    pub trusted: Arc<TrustedProxies>,
}

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
    let Some(token) = ingress.runtime.read_token(token(request.uri())) else {
        let problem = Problem::new(
            StatusCode::NOT_FOUND,
            "unknown-webhook",
            "there is no such webhook on this host",
        );
        return ingress.count(problem.code(), problem.into_response());
    };
    let caller = ingress.caller(&request);
    match respond(&ingress, token, caller.as_ref(), request).await {
        Ok((response, outcome)) => ingress.count(outcome, response),
        Err(problem) => {
            ingress.refused(token, caller.as_ref(), &problem);
            ingress.count(problem.code(), problem.into_response())
        }
    }
}

impl Ingress {
    /// Who sent a request. None only where it did not come over a connection.
    fn caller(&self, request: &Request<Body>) -> Option<Caller> {
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some(client::caller(*peer, request.headers(), &self.trusted))
    }

    fn refused(&self, token: Token, caller: Option<&Caller>, problem: &Problem) {
        let Token { run, webhook, .. } = token;
        tracing::info!(
            %run,
            webhook = webhook.0,
            client = caller.map(|caller| tracing::field::display(caller.address)),
            reason = problem.code(),
            "a request to a webhook was refused"
        );
        // What is gone is no longer shown, so nobody would see its count.
        if !matches!(problem.status(), StatusCode::GONE | StatusCode::NOT_FOUND) {
            let now = self.runtime.clock().now();
            self.rejections.count(run, webhook, problem.code(), now);
        }
    }

    fn count(&self, outcome: &'static str, response: Response) -> Response {
        self.metrics.hook_answered(outcome, response.status());
        response
    }
}

/// The token as it stands in the path. Decoded, it would have more than one spelling, and a path that does not decode to
/// text could not be called at all.
fn token(uri: &Uri) -> &str {
    let rest = uri.path().strip_prefix("/hooks/").unwrap_or_default();
    rest.split('/').next().unwrap_or_default()
}

/// Answers a request, and tells what the answer is counted as.
async fn respond(
    ingress: &Ingress,
    token: Token,
    caller: Option<&Caller>,
    request: Request<Body>,
) -> Result<(Response, &'static str), Problem> {
    let runtime = &ingress.runtime;
    if request.method() == Method::HEAD {
        return Ok((StatusCode::OK.into_response(), "head"));
    }
    let addressee = runtime.addressee(token).await?;
    let allow = allow(&addressee);
    if request.method() == Method::OPTIONS {
        let response = (StatusCode::NO_CONTENT, [(ALLOW, allow)]).into_response();
        return Ok((response, "options"));
    }
    let refuse = |refusal: Refusal| {
        let is_method = matches!(refusal, Refusal::Method(_));
        let problem = answer::refused(refusal);
        match is_method {
            true => problem.with_header(ALLOW, allow.clone()),
            false => problem,
        }
    };
    let admitted = addressee.admit(request.method().as_str()).map_err(refuse)?;
    let settings = runtime.settings();
    let base = request::base(&settings.public_url, caller);
    let request = request::read(request, &base, settings.limits.body).await?;
    let received = addressee.receive(admitted, request).await.map_err(refuse)?;
    Ok(answer::received(received))
}

fn allow(addressee: &Addressee) -> HeaderValue {
    let mut methods = addressee.methods();
    methods.extend(["HEAD", "OPTIONS"]);
    // The contract takes only tokens for methods, which are good header values.
    HeaderValue::try_from(methods.join(", ")).unwrap_or(HeaderValue::from_static("HEAD, OPTIONS"))
}
