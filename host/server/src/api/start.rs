//! Starts a run.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use dormouse_api::request::{LABEL, QueryParams, Wait, for_the_run, idempotency_key, labels};
use dormouse_api::{ProblemBody, Run, StartedRun};
use dormouse_journal::RunId;
use dormouse_runtime::Start;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::docs::{BodyProblems, Bytes, Guarded};
use super::path::PathParams;
use super::{records, runs};

use super::state::AppState;
use super::subject::Subject;
use crate::problem::Problem;
use crate::request::body;

/// Starts a run
///
/// The body is the input, of any media type, and is passed to the workflow unchanged. A body that is declared as JSON must be
/// JSON. The run gets the workflow's current version, or the one that `version` names, and stays on it.
///
/// With `Prefer: wait=SECONDS` the answer comes when the run has ended or the time is over. With
/// `Prefer: wait=SECONDS; until=suspended` it also comes when the run waits for something, and has the run's webhooks with
/// their URLs. So a client that starts a run to send it something needs no further request.
///
/// The workflow gets the headers of the request, without credentials, forwarding fields and hop-by-hop fields.
#[utoipa::path(
    post, path = "/v1/workflows/{name}/runs", tag = "runs", operation_id = "start_run",
    params(
        ("name" = String, Path, description = "The workflow's name"),
        ("version" = Option<String>, Query, description = "This version rather than the current one"),
        ("label" = Option<Vec<String>>, Query, explode = true, description = "A label of the run, `key:value`; may repeat, \
            with another key each time. A run has at most 16, with keys of up to 64 bytes and values of up to 256",
            example = json!(["customer:42"])),
        ("Idempotency-Key" = Option<String>, Header,
            description = "A repeat with the same key and input gives the run that was started first"),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`, and `; until=suspended`",
            example = "wait=30"),
    ),
    request_body(content = inline(Option<Bytes>), content_type = "*/*", description = "The input"),
    responses(
        (status = 202, description = "The run is started", body = StartedRun, headers(
            ("Location" = String, description = "The run"),
            ("Preference-Applied" = String, description = "The longest time that the answer was delayed"),
        )),
        (status = 200, description = "With `Prefer`: the run has ended, and this is all of it. Otherwise the run was \
            started before with this `Idempotency-Key`, and this is its `id` and `status`", body = Run, headers(
            ("Location" = String, description = "The run"),
            ("Preference-Applied" = String, description = "The longest time that the answer was delayed"),
        )),
        (status = 404, description = "`unknown-workflow`, `unknown-version`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 410, description = "`workflow-deleted`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-encoding`: the body has a `Content-Encoding`", body = ProblemBody,
            content_type = "application/problem+json",
            headers(("Accept-Encoding" = String, description = "The encodings that are accepted: `identity`"))),
        (status = 422, description = "`idempotency-key-reused`: it came with another input before; `label-limit`: a label \
            is too long, or there are too many",
            body = ProblemBody, content_type = "application/problem+json"),
        BodyProblems, Guarded,
    ),
)]
pub(super) async fn start(
    State(state): State<AppState>,
    path: PathParams,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let params = QueryParams::read_repeating(&uri, &["version"], &[LABEL])?;
    let wait = Wait::from_headers(&headers, state.max_wait)?;
    let idempotency_key = idempotency_key(&headers)?;
    let (workflow, version) = (path.text("name"), params.value("version")?);
    let labels = labels(&params)?;
    let limit = state.runtime.settings().limits.body;
    let check = |body| state.check_json(body);
    let memory = state.body_budget.of_api();
    let input = body::read_payload(&headers, body, limit, memory, check);
    let subject = Subject::Start {
        workflow,
        version,
        may_repeat: idempotency_key.is_some(),
    };
    let start = Start {
        workflow: workflow.to_owned(),
        version,
        input: subject.read(&state, &headers, input).await?,
        headers: for_the_run(&headers),
        idempotency_key,
        restarted: None,
        labels,
        trigger: None,
    };
    let (run, new) = state.runtime.start(start).await?;
    answer(&state, run, new, wait).await
}

/// Returns the answer to a start: the run as it is after `wait`.
pub(super) async fn answer(
    state: &AppState,
    run: RunId,
    new: bool,
    wait: Option<Wait>,
) -> Result<Response, Problem> {
    if new {
        state.metrics.run_started();
    }
    let mut answer = HeaderMap::new();
    if let Ok(location) = HeaderValue::try_from(format!("/v1/runs/{run}")) {
        answer.insert(LOCATION, location);
    }
    let run_status = match wait {
        Some(wait) => {
            answer.extend([wait.applied()]);
            let waited = state.runtime.wait_until(run, wait.until(), wait.duration());
            waited.await?.ok_or_else(|| Problem::unknown_run(run))?
        }
        None => runs::run_status(state, run).await?,
    };
    let status = run_status.status;
    if wait.is_some() && status.has_ended() {
        let ended = async { Ok((answer, Json(runs::view(state, run).await?))) };
        return runs::about(state, run, Some(run_status), ended).await;
    }
    let sleeps = wait.is_some_and(|wait| wait.until().is_reached_by(status));
    let code = if new {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    let mut started = StartedRun {
        id: run.to_string(),
        status,
        webhooks: None,
    };
    if !sleeps {
        return Ok((code, answer, Json(started)).into_response());
    }
    let with_webhooks = async {
        started.webhooks = Some(records::webhooks_of(state, run).await?);
        Ok((code, answer, Json(started)))
    };
    runs::about(state, run, Some(run_status), with_webhooks).await
}
