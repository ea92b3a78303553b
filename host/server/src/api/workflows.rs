//! Workflows: deploy, list, delete.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use dormouse_api::request::workflow_name;
use dormouse_api::{Deployed, ProblemBody, Workflow, WorkflowSettings, Workflows};
use dormouse_limits::RETENTION;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::control;
use super::docs::{BodyProblems, Bytes, Guarded, WorkflowProblems};
use super::path::PathParams;
use super::shown;
use super::state::AppState;
use super::subject::Subject;
use crate::problem::Problem;
use crate::request::body;

/// Lists the workflows
///
/// Deleted workflows are left out.
#[utoipa::path(
    get, path = "/v1/workflows", tag = "workflows", operation_id = "list_workflows",
    responses((status = 200, description = "The workflows", body = Workflows), Guarded),
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<Response, Problem> {
    state.turns.make(all(&state)).await
}

async fn all(state: &AppState) -> Result<Json<Workflows>, Problem> {
    let workflows = state.runtime.reader().workflows().await?;
    let (pauses, dates) = (state.runtime.pauses(), state.dates());
    let workflows = workflows
        .into_iter()
        .filter(|(_, workflow)| !workflow.deleted)
        .map(|(name, workflow)| shown::workflow(name, &workflow, &pauses, dates))
        .collect();
    Ok(Json(Workflows { workflows }))
}

/// Shows a workflow and its versions
///
/// A deleted workflow is shown with `deleted`.
#[utoipa::path(
    get, path = "/v1/workflows/{name}", tag = "workflows", operation_id = "show_workflow",
    params(("name" = String, Path, description = "The workflow's name")),
    responses((status = 200, description = "The workflow", body = Workflow), WorkflowProblems, Guarded),
)]
pub(super) async fn show(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<Workflow>, Problem> {
    let name = path.text("name").to_owned();
    let workflow = state.runtime.reader().workflow(name.clone()).await?;
    let workflow = workflow.ok_or_else(|| Problem::unknown_workflow(&name))?;
    let pauses = state.runtime.pauses();
    Ok(Json(shown::workflow(
        name,
        &workflow,
        &pauses,
        state.dates(),
    )))
}

/// Shows the settings of a workflow
#[utoipa::path(
    get, path = "/v1/workflows/{name}/settings", tag = "workflows", operation_id = "show_workflow_settings",
    params(("name" = String, Path, description = "The workflow's name")),
    responses((status = 200, description = "Its settings", body = WorkflowSettings), WorkflowProblems, Guarded),
)]
pub(super) async fn settings(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<WorkflowSettings>, Problem> {
    let name = path.text("name").to_owned();
    let workflow = state.runtime.reader().workflow(name.clone()).await?;
    let workflow = workflow.ok_or_else(|| Problem::unknown_workflow(&name))?;
    Ok(Json(WorkflowSettings {
        when_broken: workflow.when_broken,
        retention: workflow.retention.map(|span| RETENTION.written(span)),
        may_use: workflow.may_use,
        on_failure: workflow.on_failure,
    }))
}

/// Sets the settings of a workflow
///
/// Settings that the body does not have are set to the host's.
#[utoipa::path(
    put, path = "/v1/workflows/{name}/settings", tag = "workflows", operation_id = "set_workflow_settings",
    params(("name" = String, Path, description = "The workflow's name")),
    request_body(content = WorkflowSettings, description = "The settings"),
    responses(
        (status = 200, description = "The settings as they are now", body = WorkflowSettings),
        (status = 400, description = "`invalid-json`: among others a setting that there is not; `invalid-setting`: \
            `detail` names it", body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, WorkflowProblems, Guarded,
    ),
)]
pub(super) async fn set_settings(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<WorkflowSettings>, Problem> {
    let name = path.text("name");
    let (subject, what) = (Subject::Workflow(name), "the settings of a workflow");
    let settings: Option<WorkflowSettings> =
        control::asked(&state, &headers, body, subject, what).await?;
    let Some(settings) = settings else {
        let why = "is empty; it takes a JSON object of settings";
        return Err(Problem::malformed("invalid-json", "the body", why));
    };
    let stored = dormouse_store::WorkflowSettings {
        when_broken: settings.when_broken,
        retention: settings.retention.as_deref().map(retention).transpose()?,
        may_use: settings.may_use.clone(),
        on_failure: settings.on_failure.clone(),
    };
    let names = stored.may_use.iter().flatten().chain(&stored.on_failure);
    for name in names {
        workflow_name(name).map_err(|_| {
            let what = format!("the name {name:?}");
            wrong_setting(
                &what,
                "is not the name of a workflow: a name has 1 to 64 characters out of `a-z`, `0-9`, `-` and `_`",
            )
        })?;
    }
    match state.runtime.set_workflow(name, stored).await? {
        true => Ok(Json(settings)),
        false => Err(Problem::unknown_workflow(name)),
    }
}

fn retention(text: &str) -> Result<u64, Problem> {
    let parsed = dormouse_limits::parse_span(text);
    parsed.map_err(|why| wrong_setting("`retention`", format!("is {text:?}, which {why}")))
}

fn wrong_setting(what: &str, why: impl std::fmt::Display) -> Problem {
    Problem::malformed("invalid-setting", what, why.to_string())
}

/// Deploys a workflow
///
/// The body becomes the version that new runs get. Runs that exist stay on their versions. The body is a component, or a core
/// module with component metadata, of which the host makes a component. Bytes that were deployed before become the current
/// version again, so to go back, deploy the old bytes. A deleted workflow exists again after a deployment.
///
/// A body of the type `application/typescript` or `application/javascript` is one file that imports nothing but
/// `@dormouse/sdk` and the modules of Node that the host has. `dormouse deploy` follows imports, and sends everything that it
/// finds. Such a file can become several workflows, which the answer names.
#[utoipa::path(
    put, path = "/v1/workflows/{name}", tag = "workflows", operation_id = "deploy_workflow",
    params(("name" = String, Path, description = "1 to 64 characters out of `a-z`, `0-9`, `-` and `_`")),
    request_body(description = "The component, or the file", content(
        (inline(Bytes) = "application/wasm"), (String = "application/typescript"), (String = "application/javascript"),
    )),
    responses(
        (status = 201, description = "The version is new for this workflow", body = Deployed,
            headers(("Location" = String, description = "The workflow"))),
        (status = 200, description = "The workflow had this version before", body = Deployed),
        (status = 422, description = "The bytes are not a workflow that this host can run: `not-wasm`, `invalid-wasm`, \
            `unsupported-feature`, `not-a-component`, `unknown-import`, `wrong-import-type`, `missing-run`, \
            `wrong-run-type`, `invalid-script`, with the file, the line and its text, `not-compilable`, `not-linkable`, \
            `too-complex`",
            body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, Guarded,
    ),
)]
pub(super) async fn deploy(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, HeaderMap, Json<Deployed>), Problem> {
    let name = path.new_workflow()?;
    let limit = state.runtime.settings().limits.component;
    let upload = body::read(
        &headers,
        body,
        limit,
        dormouse_limits::COMPONENT,
        state.body_budget.of_api(),
    )
    .await?;
    let upload = uploaded(&headers, upload)?;
    let deployment = state.runtime.deploy(name, upload).await?;
    let mut headers = HeaderMap::new();
    let status = if deployment.new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let name = deployment.workflows.first().map_or(name, String::as_str);
    if let Ok(location) = HeaderValue::try_from(format!("/v1/workflows/{name}")) {
        headers.insert(LOCATION, location);
    }
    Ok((status, headers, Json(shown::deployed(deployment))))
}

/// The media types of a file in TypeScript or JavaScript.
const SCRIPTS: [&str; 4] = [
    "application/typescript",
    "text/typescript",
    "application/javascript",
    "text/javascript",
];

/// Returns the uploaded bytes by their media type: a component or a bundle of the command line as it is, or the text of
/// one file.
pub(super) fn uploaded(headers: &HeaderMap, upload: bytes::Bytes) -> Result<bytes::Bytes, Problem> {
    let given = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let given = String::from_utf8_lossy(given.unwrap_or_default());
    let given = given.split(';').next().unwrap_or_default().trim();
    if !SCRIPTS
        .iter()
        .any(|script| given.eq_ignore_ascii_case(script))
    {
        return Ok(upload);
    }
    let text = std::str::from_utf8(&upload).map_err(|error| {
        let why = format!("is not UTF-8 from byte {} on", error.valid_up_to());
        Problem::malformed("invalid-script", "the file", why)
    })?;
    Ok(dormouse_script::upload_text(text).into())
}

/// Deletes a workflow
///
/// No new run of the workflow is started until it is deployed again. Runs that exist go on.
#[utoipa::path(
    delete, path = "/v1/workflows/{name}", tag = "workflows", operation_id = "delete_workflow",
    params(("name" = String, Path, description = "The workflow's name")),
    responses((status = 204, description = "The workflow is deleted, by this request or before"), WorkflowProblems, Guarded),
)]
pub(super) async fn delete(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<StatusCode, Problem> {
    let name = path.text("name");
    if state.runtime.delete_workflow(name).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::unknown_workflow(name))
    }
}
