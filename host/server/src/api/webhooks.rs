//! Requests of operators about webhooks and triggers, which name these by their URLs.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use dormouse_api::{DeliveryName, Forget, Forgotten, ProblemBody};
use dormouse_runtime::Address;
use dormouse_webhook::{KEY_PARTS, Token};
use http::HeaderMap;

use super::control;
use super::docs::Guarded;
use super::state::AppState;
use crate::problem::Problem;
use crate::request::body;

/// The largest request in bytes. An id may be as long as a head, and so may a URL.
const BODY: u64 = 128 << 10;

/// Forgets a request that was accepted
///
/// A redelivery by hand, from a provider's page, has the id of the first delivery, so it is answered as a repeat for as long as
/// `duplicate-window` says. After the host has forgotten the first request, the redelivery is accepted as a new one. The first
/// request stays where it is: in an inbox, or with the run that has taken it or was started by it.
#[utoipa::path(
    post, path = "/v1/webhooks/forget", tag = "webhooks", operation_id = "forget_request",
    request_body(content = Forget, description = "Which request, and where it was accepted"),
    responses(
        (status = 200, description = "The host has forgotten the request", body = Forgotten),
        (status = 400, description = "`invalid-json`, `invalid-delivery`: the id is empty, or has too many parts",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-webhook`: this host made no such URL; `not-remembered`: no request with \
            this id is remembered there", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "`webhook-gone`: the run was removed, or did not keep the webhook; `trigger-gone`: the \
            trigger was deleted", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemBody, content_type = "application/problem+json"),
        Guarded,
    ),
)]
pub(super) async fn forget(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Forgotten>, Problem> {
    let body = body::read_fixed(&headers, body, BODY, state.body_budget.of_api()).await?;
    let Forget { url, id } = control::from_object(&body, "this")?;
    let id = parts(id)?;
    let forgotten = state.runtime.forget(&url, &id).await?;
    let (run, webhook) = match forgotten.address {
        Address::Webhook(Token { run, webhook }) => (Some(run.to_string()), Some(webhook.0)),
        Address::Trigger(_) => (None, None),
    };
    Ok(Json(Forgotten {
        run,
        webhook,
        trigger: forgotten.trigger,
        forgotten: forgotten.kinds,
    }))
}

fn parts(id: DeliveryName) -> Result<Vec<String>, Problem> {
    let parts = match id {
        DeliveryName::One(id) => vec![id],
        DeliveryName::Parts(parts) => parts,
    };
    let why = match parts.len() {
        0 => "has no parts: give the id of a delivery".into(),
        many if many > KEY_PARTS => format!("has {many} parts: give at most {KEY_PARTS}"),
        _ if parts.iter().any(String::is_empty) => "is empty, or a part of it is".into(),
        _ => return Ok(parts),
    };
    Err(Problem::malformed("invalid-delivery", "`id`", why))
}
