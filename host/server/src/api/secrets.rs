//! Secrets: set, list, delete. Nothing here gives a value back, also not in what is said about a request that is wrong.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use dormouse_runtime::SetSecret;
use dormouse_secret::{Secret as Value, Use};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::error::Category;

use super::docs::{Guarded, SecretProblems};
use super::path::{PathParams, is_workflow_name};
use super::state::AppState;
use crate::model::{NewSecret, ProblemBody, Secret, SecretUse, Secrets};
use crate::problem::Problem;
use crate::request::body;

/// Bytes of a request. The largest value fits twice, however it is escaped, with dozens of uses.
const BODY: u64 = 16 << 10;

/// Lists the secrets
///
/// Their values are not shown, here or elsewhere.
#[utoipa::path(
    get, path = "/v1/secrets", tag = "secrets", operation_id = "list_secrets",
    responses((status = 200, description = "The secrets", body = Secrets), Guarded),
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<Json<Secrets>, Problem> {
    let runtime = state.runtime.clone();
    let views = state
        .read(move |snapshot| Ok(runtime.secrets(snapshot)?))
        .await?;
    let secrets = views.into_iter().map(Secret::from).collect();
    Ok(Json(Secrets { secrets }))
}

/// Shows a secret
///
/// Its value is not shown, here or elsewhere.
#[utoipa::path(
    get, path = "/v1/secrets/{name}", tag = "secrets", operation_id = "show_secret",
    params(("name" = String, Path, description = "The secret's name")),
    responses((status = 200, description = "The secret", body = Secret), SecretProblems, Guarded),
)]
pub(super) async fn show(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<Secret>, Problem> {
    let name = path.text("name").to_owned();
    let runtime = state.runtime.clone();
    let secret = state
        .read(move |snapshot| {
            let view = runtime.secret(snapshot, &name)?;
            view.ok_or_else(|| Problem::unknown_secret(&name))
        })
        .await?;
    Ok(Json(secret.into()))
}

/// Sets a secret
///
/// The value is sealed with the host's key before it is written. It may be used for what `uses` lists and for nothing
/// else. A secret of the same name is replaced, its uses included.
#[utoipa::path(
    put, path = "/v1/secrets/{name}", tag = "secrets", operation_id = "set_secret",
    params(("name" = String, Path, description = "1 to 64 characters out of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`")),
    request_body(content = NewSecret, description = "Value and uses; at most 16 KiB"),
    responses(
        (status = 201, description = "There was none of this name", body = Secret,
            headers(("Location" = String, description = "The secret"))),
        (status = 200, description = "It took the place of another", body = Secret),
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
    let body = body::read_fixed(&headers, body, BODY).await?;
    let (value, uses) = understand(&body)?;
    drop(body);
    let mut headers = HeaderMap::new();
    if let Ok(location) = HeaderValue::try_from(format!("/v1/secrets/{name}")) {
        headers.insert(LOCATION, location);
    }
    let (status, view) = match state.runtime.set_secret(name, value, uses).await? {
        SetSecret::Created(view) => (StatusCode::CREATED, view),
        SetSecret::Replaced(view) => (StatusCode::OK, view),
    };
    Ok((status, headers, Json(view.into())))
}

/// Deletes a secret
///
/// What would use it is denied from now on.
#[utoipa::path(
    delete, path = "/v1/secrets/{name}", tag = "secrets", operation_id = "delete_secret",
    params(("name" = String, Path, description = "The secret's name")),
    responses((status = 204, description = "It is deleted"), SecretProblems, Guarded),
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

/// The value and the uses that a body gives.
fn understand(body: &[u8]) -> Result<(Value, Vec<Use>), Problem> {
    let new: NewSecret = serde_json::from_slice(body).map_err(|error| wrong_form(&error))?;
    let value = Value::new(new.value.into_bytes()).map_err(invalid)?;
    let uses = (0..).zip(&new.uses);
    let uses = uses.map(|(place, granted)| understand_use(place, granted));
    Ok((value, uses.collect::<Result<_, _>>()?))
}

fn understand_use(place: usize, granted: &SecretUse) -> Result<Use, Problem> {
    let wrong = |why: &str| invalid(format!("`uses[{place}]` is not a use of a secret: {why}"));
    if !is_workflow_name(&granted.workflow) {
        return Err(wrong(
            "`workflow` has 1 to 64 characters out of a-z, 0-9, - and _",
        ));
    }
    let purpose = granted.purpose().map_err(|why| wrong(&why))?;
    Ok(Use {
        workflow: granted.workflow.clone(),
        purpose,
    })
}

/// What is wrong with a body, by its place only: the text of the parser's error repeats what it found there, which may be
/// the value.
fn wrong_form(error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Data => invalid(format!(
            "the body is not a secret, at {place}: give {{\"value\": \"…\", \"uses\": [{{\"workflow\": \"…\", \"verify\": \
             true}}, {{\"workflow\": \"…\", \"sendTo\": \"https://…\"}}]}}, each field once, and no others"
        )),
        Category::Syntax | Category::Eof | Category::Io => Problem::malformed(
            "invalid-json",
            "the body",
            format!("is not JSON, at {place}"),
        ),
    }
}

fn invalid(why: impl std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid-secret",
        why.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "A_Made-Up-Value-7F3c91d04bE2";
    const VERIFY: &str = r#"[{"workflow": "w", "verify": true}]"#;

    fn body(value: &str, uses: &str) -> String {
        format!("{{\"value\": {value}, \"uses\": {uses}}}")
    }

    #[track_caller]
    fn refused(body: &str, status: u16, code: &str) -> String {
        let problem = understand(body.as_bytes()).unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code()), (status, code));
        let detail = problem.detail().to_owned();
        for part in [VALUE, "4242424242424242", "Made-Up"] {
            assert!(!detail.contains(part), "{detail}");
        }
        detail
    }

    #[test]
    fn a_value_and_its_uses() {
        let uses = r#"[{"workflow": "w", "verify": true}, {"workflow": "v", "sendTo": "https://API.example:443"}]"#;
        let (value, uses) = understand(body(&format!("{VALUE:?}"), uses).as_bytes()).unwrap();
        assert_eq!(value.expose_text(), VALUE);
        let shown: Vec<SecretUse> = uses.into_iter().map(SecretUse::from).collect();
        let expected = [
            SecretUse::verify("w"),
            SecretUse::send_to("v", "https://api.example"),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn whatever_is_wrong_the_value_is_not_repeated() {
        for form in [
            body("4242424242424242", VERIFY),
            body(&format!("[{VALUE:?}]"), VERIFY),
            body(&format!("{VALUE:?}"), &format!("{VALUE:?}")),
            body(&format!("{VALUE:?}"), &format!("[{VALUE:?}]")),
            format!("{VALUE:?}"),
            format!("{{{VALUE:?}: 1}}"),
            format!("{{\"value\": {VALUE:?}}}"),
            format!("{{\"value\": {VALUE:?}, \"value\": {VALUE:?}, \"uses\": {VERIFY}}}"),
            format!("{{\"value\": {VALUE:?}, \"uses\": {VERIFY}, {VALUE:?}: 1}}"),
            body(
                &format!("{VALUE:?}"),
                &format!("[{{\"workflow\": \"w\", \"verify\": {VALUE:?}}}]"),
            ),
            body(
                &format!("{VALUE:?}"),
                &format!("[{{\"workflow\": \"w\", \"verify\": true, {VALUE:?}: 1}}]"),
            ),
        ] {
            let detail = refused(&form, 422, "invalid-secret");
            assert!(detail.contains("the body is not a secret, at line 1, column"));
        }
        for not_json in [
            format!("{{\"value\": {VALUE}"),
            format!("{{\"value\": \"{VALUE}"),
            VALUE.to_owned(),
            body(&format!("{VALUE:?}"), VERIFY) + VALUE,
            String::new(),
        ] {
            refused(&not_json, 400, "invalid-json");
        }
    }

    #[test]
    fn uses_are_named_by_their_place() {
        let check = |granted: &str, says: &str| {
            let uses = format!("[{{\"workflow\": \"w\", \"verify\": true}}, {granted}]");
            let detail = refused(&body(&format!("{VALUE:?}"), &uses), 422, "invalid-secret");
            assert!(
                detail.contains("`uses[1]`") && detail.contains(says),
                "{detail}"
            );
        };
        check(r#"{"workflow": "w"}"#, "either `verify: true` or `sendTo`");
        check(
            r#"{"workflow": "w", "verify": false}"#,
            "either `verify: true` or `sendTo`",
        );
        check(
            r#"{"workflow": "w", "verify": true, "sendTo": "https://api.example"}"#,
            "either `verify: true` or `sendTo`",
        );
        check(r#"{"workflow": "W", "verify": true}"#, "a-z, 0-9, - and _");
        check(
            &format!("{{\"workflow\": {VALUE:?}, \"verify\": true}}"),
            "a-z, 0-9, - and _",
        );
        check(
            &format!("{{\"workflow\": \"w\", \"sendTo\": \"https://me:{VALUE}@api.example\"}}"),
            "an origin is http:// or https://",
        );
    }

    #[test]
    fn a_value_that_cannot_be_one_is_refused() {
        let check = |value: &str, says: &str| {
            let detail = refused(&body(value, VERIFY), 422, "invalid-secret");
            assert!(detail.contains(says), "{detail}");
        };
        check("\"short\"", "8 to 4096 bytes");
        check("\"two\\nlines\"", "no control characters");
    }
}
