//! Secrets: set, list, delete. No answer contains a value, not even an error about a wrong request.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use dormouse_api::request::{changed_uses, new_secret};
use dormouse_api::{ChangedUses, NewSecret, ProblemBody, Secret, Secrets};
use dormouse_runtime::SetSecret;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::docs::{Guarded, SecretProblems};
use super::path::PathParams;
use super::shown;
use super::state::AppState;
use super::subject::Subject;
use crate::problem::Problem;
use crate::request::body;

/// The largest request in bytes. The largest value fits twice, however it is escaped, together with dozens of uses.
const BODY: u64 = 16 << 10;

/// Lists the secrets
///
/// The values of secrets are shown nowhere.
#[utoipa::path(
    get, path = "/v1/secrets", tag = "secrets", operation_id = "list_secrets",
    responses((status = 200, description = "The secrets", body = Secrets), Guarded),
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<Json<Secrets>, Problem> {
    let views = state.runtime.secrets().await?;
    let dates = state.dates();
    let secrets = views.into_iter().map(|view| shown::secret(view, dates));
    let secrets = secrets.collect();
    Ok(Json(Secrets { secrets }))
}

/// Shows a secret
///
/// The value of a secret is shown nowhere.
#[utoipa::path(
    get, path = "/v1/secrets/{name}", tag = "secrets", operation_id = "show_secret",
    params(("name" = String, Path, description = "The secret's name")),
    responses((status = 200, description = "The secret", body = Secret), SecretProblems, Guarded),
)]
pub(super) async fn show(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<Secret>, Problem> {
    let name = path.text("name");
    let secret = state.runtime.secret(name).await?;
    let secret = secret.ok_or_else(|| Problem::unknown_secret(name))?;
    Ok(Json(shown::secret(secret, state.dates())))
}

/// Sets a secret
///
/// The value is sealed with the host's key before it is written. The secret may be used as `uses` lists, and in no other way. A
/// secret of the same name is replaced, including its uses.
#[utoipa::path(
    put, path = "/v1/secrets/{name}", tag = "secrets", operation_id = "set_secret",
    params(("name" = String, Path, description = "1 to 64 characters out of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`")),
    request_body(content = NewSecret, description = "Value and uses; at most 16 KiB"),
    responses(
        (status = 201, description = "There was no secret of this name", body = Secret,
            headers(("Location" = String, description = "The secret"))),
        (status = 200, description = "The secret has replaced another of this name", body = Secret),
        (status = 409, description = "`no-secret-key`: the host has no key to seal it with", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "`invalid-secret`: `detail` says what is wrong with the value or the uses",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 400, description = "`invalid-secret-name`, `invalid-json`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemBody, content_type = "application/problem+json"),
        Guarded,
    ),
)]
pub(super) async fn set(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, HeaderMap, Json<Secret>), Problem> {
    let name = path.new_secret()?;
    let body = body::read_fixed(&headers, body, BODY, state.body_budget.of_api()).await?;
    let (value, uses) = new_secret(&body)?;
    drop(body);
    let mut headers = HeaderMap::new();
    if let Ok(location) = HeaderValue::try_from(format!("/v1/secrets/{name}")) {
        headers.insert(LOCATION, location);
    }
    let (status, view) = match state.runtime.set_secret(name, value, uses).await? {
        SetSecret::Created(view) => (StatusCode::CREATED, view),
        SetSecret::Replaced(view) => (StatusCode::OK, view),
    };
    let shown = shown::secret(view, state.dates());
    Ok((status, headers, Json(shown)))
}

/// Changes what a secret may be used for
///
/// The value does not change, and you need not know it. A use that is in both lists is not allowed.
#[utoipa::path(
    patch, path = "/v1/secrets/{name}", tag = "secrets", operation_id = "change_secret_uses",
    params(("name" = String, Path, description = "The secret's name")),
    request_body(content = ChangedUses, description = "The uses; at most 16 KiB"),
    responses(
        (status = 200, description = "The secret, with the uses that it has now", body = Secret),
        (status = 409, description = "`secret-unreadable`: the host has no key that opens it, or it is damaged; set it again",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`invalid-secret`: `detail` says what is wrong with the uses", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 400, description = "`invalid-secret-name`, `invalid-json`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemBody, content_type = "application/problem+json"),
        SecretProblems,
        Guarded,
    ),
)]
pub(super) async fn change_uses(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Secret>, Problem> {
    let name = path.new_secret()?;
    let body = body::read_fixed(&headers, body, BODY, state.body_budget.of_api());
    let subject = Subject::Secret(path.text("name"));
    let body = subject.read(&state, &headers, body).await?;
    let (add, remove) = changed_uses(&body)?;
    let view = state.runtime.change_secret_uses(name, add, &remove).await?;
    Ok(Json(shown::secret(view, state.dates())))
}

/// Deletes a secret
///
/// Everything that would use the secret is denied from now on.
#[utoipa::path(
    delete, path = "/v1/secrets/{name}", tag = "secrets", operation_id = "delete_secret",
    params(("name" = String, Path, description = "The secret's name")),
    responses((status = 204, description = "The secret is deleted"), SecretProblems, Guarded),
)]
pub(super) async fn delete(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<StatusCode, Problem> {
    let name = path.text("name");
    if state.runtime.delete_secret(name).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::unknown_secret(name))
    }
}
