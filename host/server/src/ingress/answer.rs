//! The answers to callers of webhooks and triggers.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dormouse_journal::{Response as Answer, RunId};
use dormouse_runtime::{Received, Refusal, Scope, TriggerAnswer, TriggerOutcome};
use futures::FutureExt as _;
use http::header::{
    ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Collected};

use crate::problem::{Problem, authored};

/// Seconds after which a caller may try again if room must be made first. This is a guess: an inbox empties when its
/// run takes from it.
const RETRY_ROOM: HeaderValue = HeaderValue::from_static("30");

/// Seconds after which a caller may try again if the run of the webhook is still being written to the disk.
const RETRY_WRITTEN: HeaderValue = HeaderValue::from_static("1");

/// Seconds after which a caller may try again if somebody must put back the provider's description.
const RETRY_PROVIDER: HeaderValue = HeaderValue::from_static("60");

/// Seconds after which a caller may try again if it could not be held. Most callers are held for a shorter time.
const RETRY_HELD: HeaderValue = HeaderValue::from_static("5");

/// Seconds after which a caller of a paused trigger may try again. Somebody must resume the trigger.
const RETRY_PAUSED: HeaderValue = HeaderValue::from_static("60");

/// Returns the answer to a request that was received, and the name under which it is counted.
pub(super) fn received(received: Received) -> (Response, &'static str) {
    match received {
        Received::Accepted { id } => (accepted(&id, false), "accepted"),
        Received::Duplicate { id } => (accepted(&id, true), "duplicate"),
        Received::Answered { response, .. } => (guarded(response), "answered"),
        Received::AcknowledgedAs {
            response,
            is_repeat,
            ..
        } => {
            let outcome = if is_repeat { "duplicate" } else { "accepted" };
            (guarded(response), outcome)
        }
        Received::Probe(response) => (guarded(response), "probe"),
        Received::Triggered { run, came, answer } => (triggered(run, came, answer), named(came)),
    }
}

/// Returns a caller's answer as a response with its whole body. If the provider wants a particular answer to a refusal,
/// it gets that instead of the problem.
pub(crate) fn make_response(result: Result<Received, Refusal>) -> Answer {
    let response = match result {
        Ok(taken) => received(taken).0,
        Err(refusal) => refused(refusal, None).into_response(),
    };
    let (parts, body) = response.into_parts();
    // The bodies of all these responses are complete.
    let body = body.collect().now_or_never().and_then(Result::ok);
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = Bytes::copy_from_slice(value.as_bytes());
        (name.as_str().to_owned(), value)
    });
    Answer {
        status: parts.status.as_u16(),
        headers: headers.collect(),
        body: body.map(Collected::to_bytes).unwrap_or_default(),
    }
}

/// Returns the name under which an accepted request to a trigger is counted.
fn named(came: TriggerOutcome) -> &'static str {
    match came {
        TriggerOutcome::Started => "started",
        TriggerOutcome::Sent => "sent",
        TriggerOutcome::Existing => "existing",
        TriggerOutcome::Repeat => "duplicate",
    }
}

fn triggered(run: RunId, came: TriggerOutcome, answer: TriggerAnswer) -> Response {
    match answer {
        TriggerAnswer::Response(response) => guarded(response),
        TriggerAnswer::Acknowledged => {
            let body = axum::Json(serde_json::json!({
                "id": run.to_string(),
                "duplicate": came == TriggerOutcome::Repeat,
                "existing": matches!(came, TriggerOutcome::Sent | TriggerOutcome::Existing),
            }));
            (StatusCode::ACCEPTED, body).into_response()
        }
        // The failure's message is for operators.
        TriggerAnswer::Ended { status, code } => Problem::without_output(run, status, code),
    }
}

fn accepted(id: &str, duplicate: bool) -> Response {
    let body = axum::Json(serde_json::json!({ "id": id, "duplicate": duplicate }));
    (StatusCode::ACCEPTED, body).into_response()
}

/// Returns a response that somebody else wrote, with headers that guard the host: a browser would trust it as the
/// host's own. It may not guess a type, and a page gets an origin of its own, from which it cannot reach the API
/// because its requests have `Origin: null`. A page may send forms, also to the webhook that served it.
fn guarded(answer: Answer) -> Response {
    let mut response = authored(answer);
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // This policy is added to the author's own, because the strictest of several policies counts.
    let sandbox = if is_page(headers) {
        "sandbox allow-forms"
    } else {
        "sandbox"
    };
    headers.append(CONTENT_SECURITY_POLICY, HeaderValue::from_static(sandbox));
    response
}

/// Returns true if the only content type of a response is HTML.
fn is_page(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    let kind = only.as_bytes().split(|byte| *byte == b';').next();
    kind.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"text/html"))
}

/// Returns the problem with which a refused request is answered.
///
/// `unproven` is the provider's particular answer in place of 401, if it wants one.
pub(super) fn refused(refusal: Refusal, unproven: Option<Answer>) -> Problem {
    let is_unproven = matches!(refusal, Refusal::Signature(_) | Refusal::NoSecret);
    problem_of(refusal).answered_by(unproven.filter(|_| is_unproven))
}

fn problem_of(refusal: Refusal) -> Problem {
    let detail = refusal.to_string();
    let problem = |status, code| Problem::new(status, code, &detail);
    match refusal {
        Refusal::Method { allowed, .. } => {
            problem(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
                .with_header(ALLOW, allow(allowed))
        }
        Refusal::Signature(rejected) => unauthorized(rejected.as_str(), &detail),
        Refusal::NoSecret => unauthorized("signature-unverifiable", &detail),
        Refusal::Probe => problem(StatusCode::BAD_REQUEST, "probe-unanswerable"),
        Refusal::Learn => problem(StatusCode::SERVICE_UNAVAILABLE, "secret-unavailable")
            .with_header(RETRY_AFTER, RETRY_PROVIDER),
        Refusal::Provider(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "provider-unknown")
            .with_header(RETRY_AFTER, RETRY_PROVIDER),
        Refusal::Key(_) => problem(StatusCode::BAD_REQUEST, "invalid-header"),
        Refusal::OtherBody => problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
        Refusal::Gone => problem(StatusCode::GONE, "webhook-gone"),
        Refusal::RunFailed => Problem::run_failed(&refusal.to_string()),
        Refusal::TriggerGone => problem(StatusCode::GONE, "trigger-gone"),
        Refusal::TriggerPaused => problem(StatusCode::SERVICE_UNAVAILABLE, "trigger-paused")
            .with_header(RETRY_AFTER, RETRY_PAUSED),
        Refusal::KeyMissing(_) => problem(StatusCode::UNPROCESSABLE_ENTITY, "key-missing"),
        Refusal::KeyedRunFailed(_) => Problem::run_failed(&refusal.to_string()),
        Refusal::KeyedInboxFull(_) => problem(StatusCode::TOO_MANY_REQUESTS, "inbox-full")
            .with_header(RETRY_AFTER, RETRY_ROOM),
        Refusal::Unknown => problem(StatusCode::NOT_FOUND, "unknown-webhook"),
        Refusal::WebhookToCome => problem(StatusCode::SERVICE_UNAVAILABLE, "webhook-not-ready")
            .with_header(RETRY_AFTER, RETRY_WRITTEN),
        Refusal::InboxFull => problem(StatusCode::TOO_MANY_REQUESTS, "inbox-full")
            .with_header(RETRY_AFTER, RETRY_ROOM),
        Refusal::HostFull => {
            problem(StatusCode::TOO_MANY_REQUESTS, "host-full").with_header(RETRY_AFTER, RETRY_ROOM)
        }
        Refusal::RunFull => problem(StatusCode::TOO_MANY_REQUESTS, "run-storage-full")
            .with_header(RETRY_AFTER, RETRY_ROOM),
        Refusal::WorkflowFull => problem(StatusCode::TOO_MANY_REQUESTS, "workflow-storage-full")
            .with_header(RETRY_AFTER, RETRY_ROOM),
        Refusal::Rate(exceeded) => Problem::too_fast(exceeded),
        Refusal::TooManyHeld(scope) => {
            // If the caller's own share is used up, the caller must slow down. Otherwise the host has trouble.
            let status = match scope {
                Scope::Webhook | Scope::Run => StatusCode::TOO_MANY_REQUESTS,
                Scope::Host => StatusCode::SERVICE_UNAVAILABLE,
            };
            problem(status, "too-many-held").with_header(RETRY_AFTER, RETRY_HELD)
        }
        Refusal::Secret(unusable) => Problem::secret_unavailable(&unusable),
        Refusal::Unavailable(unavailable) => unavailable.into(),
    }
}

/// Returns the value of a header `Allow`.
pub(super) fn allow(methods: String) -> HeaderValue {
    // The contract accepts only tokens as methods, and tokens are valid header values.
    HeaderValue::try_from(methods).unwrap_or(HeaderValue::from_static("HEAD, OPTIONS"))
}

/// RFC 9110, section 11.6.1, requires a challenge with every 401.
fn unauthorized(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Signature"))
}
