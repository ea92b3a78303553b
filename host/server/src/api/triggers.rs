//! Triggers: set, list, rotate, pause, delete. The ingress serves their URLs.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use dormouse_api::request::QueryParams;
use dormouse_api::{
    EarlierUrl, ProblemBody, RotateTrigger, SetTrigger, Trigger, TriggerReply, Triggers,
};
use dormouse_runtime::{ShownTrigger, TriggerAction};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::docs::{Guarded, QueryProblems, TriggerProblems};
use super::path::PathParams;
use super::state::AppState;
use super::subject::Subject;
use super::{control, shown, trigger_options};
use crate::ingress::Source;
use crate::problem::Problem;
use crate::request::body;

/// The largest request in bytes. It is stored in about the same size.
const BODY: u64 = 128 << 10;

/// The number of triggers on a page: the default and the largest.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1_000;

/// The number of triggers that are read at once, and the size of a page in bytes from which it ends. A trigger has up to
/// [`BODY`] bytes.
const AT_ONCE: usize = 32;
const PAGE_BYTES: usize = 1 << 20;

/// How long earlier URLs stay valid after a rotation, in milliseconds, if the request does not say.
const KEEP_OLD: u64 = 24 * 60 * 60 * 1_000;

/// The longest time for which earlier URLs may stay valid: 90 days.
const LONGEST_KEEP: u64 = 90 * KEEP_OLD;

/// Lists the triggers
#[utoipa::path(
    get, path = "/v1/triggers", tag = "triggers", operation_id = "list_triggers",
    params(
        ("limit" = Option<usize>, Query, description = "At most so many, 100 if absent, up to 1000"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "The triggers, by name", body = Triggers), QueryProblems, Guarded),
)]
pub(super) async fn list(State(state): State<AppState>, uri: Uri) -> Result<Response, Problem> {
    let params = QueryParams::read(&uri, &["limit", "cursor"])?;
    let limit = params.limit(PAGE, 1..=LARGEST_PAGE)?;
    let after: Option<String> = params.value("cursor")?;
    state.turns.make(page(&state, after, limit)).await
}

/// Returns a page of triggers. It ends early if they are large.
async fn page(
    state: &AppState,
    after: Option<String>,
    limit: usize,
) -> Result<Json<Triggers>, Problem> {
    let mut page = Triggers {
        triggers: Vec::new(),
        next: after,
    };
    let mut bytes = 0;
    while page.triggers.len() < limit && bytes < PAGE_BYTES {
        let wanted = AT_ONCE.min(limit - page.triggers.len());
        let after = page.next.take();
        let mut found = state.runtime.triggers().list(after, wanted + 1).await?;
        let is_more = found.len() > wanted;
        found.truncate(wanted);
        for found in found {
            let trigger = show(state, found);
            bytes += serde_json::to_vec(&trigger).map_or(0, |json| json.len());
            page.triggers.push(trigger);
        }
        if !is_more {
            return Ok(Json(page));
        }
        page.next = page.triggers.last().map(|trigger| trigger.name.clone());
    }
    Ok(Json(page))
}

/// Shows a trigger
#[utoipa::path(
    get, path = "/v1/triggers/{name}", tag = "triggers", operation_id = "show_trigger",
    params(("name" = String, Path, description = "The trigger's name")),
    responses((status = 200, description = "The trigger", body = Trigger), TriggerProblems, Guarded),
)]
pub(super) async fn show_one(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<Trigger>, Problem> {
    let name = path.text("name");
    let shown = state.runtime.triggers().show(name).await?;
    let shown = shown.ok_or_else(|| Problem::unknown_trigger(name))?;
    Ok(Json(show(&state, shown)))
}

/// Sets a trigger
///
/// A trigger has a URL that starts a run of a workflow for each request. The request's body is the run's input. The URL stays the
/// same for as long as the trigger exists. A trigger of the same name is changed and keeps its URL; fields that are absent have
/// their defaults again.
#[utoipa::path(
    put, path = "/v1/triggers/{name}", tag = "triggers", operation_id = "set_trigger",
    params(("name" = String, Path, description = "1 to 64 characters out of `a-z`, `0-9`, `-` and `_`. It is also the name of \
        the events that are sent to runs by `on_existing`")),
    request_body(content = SetTrigger, description = "The trigger; at most 128 KiB"),
    responses(
        (status = 201, description = "There was no trigger of this name", body = Trigger,
            headers(("Location" = String, description = "The trigger"))),
        (status = 200, description = "The trigger was changed", body = Trigger),
        (status = 400, description = "`invalid-trigger-name`; `invalid-json`: among others a field that there is not",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-workflow`, `unknown-version`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`invalid-trigger`: `detail` says what to change", body = ProblemBody,
            content_type = "application/problem+json"),
        Guarded,
    ),
)]
pub(super) async fn set(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, HeaderMap, Json<Trigger>), Problem> {
    let name = path.new_trigger()?;
    let body = body::read_fixed(&headers, body, BODY, state.body_budget.of_api()).await?;
    let set: SetTrigger = control::from_object(&body, "a trigger")?;
    let options = trigger_options::options(&set, &state.runtime.settings().providers)
        .map_err(Problem::invalid_trigger)?;
    let (shown, is_new) = state.runtime.triggers().set(name, options).await?;
    let mut headers = HeaderMap::new();
    if let Ok(location) = HeaderValue::try_from(format!("/v1/triggers/{name}")) {
        headers.insert(LOCATION, location);
    }
    let status = match is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((status, headers, Json(show(&state, shown))))
}

/// Gives a trigger a new URL
///
/// The present URLs stay valid for the time of `keep_old`, so that you can tell the new one to those who call. After that they
/// answer 410.
#[utoipa::path(
    post, path = "/v1/triggers/{name}/rotate", tag = "triggers", operation_id = "rotate_trigger",
    params(("name" = String, Path, description = "The trigger's name")),
    request_body(content = inline(Option<RotateTrigger>), description = "How long the old URLs stay valid"),
    responses(
        (status = 200, description = "The trigger with its new URL", body = Trigger),
        (status = 409, description = "`too-many-urls`: eight earlier URLs are still valid", body = ProblemBody,
            content_type = "application/problem+json"),
        TriggerProblems, Guarded,
    ),
)]
pub(super) async fn rotate(
    State(state): State<AppState>,
    path: PathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Trigger>, Problem> {
    let subject = Subject::Trigger(path.text("name"));
    let rotate: Option<RotateTrigger> =
        control::asked(&state, &headers, body, subject, "a rotation").await?;
    let keep_old = match rotate.and_then(|rotate| rotate.keep_old) {
        None => KEEP_OLD,
        Some(text) => keep_old(&text)?,
    };
    act(&state, &path, TriggerAction::Rotate { keep_old }).await
}

fn keep_old(text: &str) -> Result<u64, Problem> {
    let refuse = |why: String| Problem::malformed("invalid-setting", "`keep_old`", why);
    let span = dormouse_limits::parse_span(text);
    let span = span.map_err(|why| refuse(format!("is {text:?}, which {why}")))?;
    if span > LONGEST_KEEP {
        return Err(refuse(format!("is {text:?}; give at most 90d")));
    }
    Ok(span)
}

/// Pauses a trigger
///
/// The trigger's URL answers 503 with `Retry-After` until the trigger is resumed. Runs that it started go on.
#[utoipa::path(
    post, path = "/v1/triggers/{name}/pause", tag = "triggers", operation_id = "pause_trigger",
    params(("name" = String, Path, description = "The trigger's name")),
    responses((status = 200, description = "The trigger", body = Trigger), TriggerProblems, Guarded),
)]
pub(super) async fn pause(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<Trigger>, Problem> {
    act(&state, &path, TriggerAction::Pause).await
}

/// Resumes a trigger
#[utoipa::path(
    post, path = "/v1/triggers/{name}/resume", tag = "triggers", operation_id = "resume_trigger",
    params(("name" = String, Path, description = "The trigger's name")),
    responses((status = 200, description = "The trigger", body = Trigger), TriggerProblems, Guarded),
)]
pub(super) async fn resume(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<Trigger>, Problem> {
    act(&state, &path, TriggerAction::Resume).await
}

/// Deletes a trigger
///
/// The trigger's URLs answer 410 from now on, for good. A trigger that is set again under the same name has another URL. Runs
/// that it started go on.
#[utoipa::path(
    delete, path = "/v1/triggers/{name}", tag = "triggers", operation_id = "delete_trigger",
    params(("name" = String, Path, description = "The trigger's name")),
    responses((status = 204, description = "The trigger is deleted"), TriggerProblems, Guarded),
)]
pub(super) async fn delete(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<StatusCode, Problem> {
    state.runtime.triggers().delete(path.text("name")).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn act(
    state: &AppState,
    path: &PathParams,
    action: TriggerAction,
) -> Result<Json<Trigger>, Problem> {
    let shown = state
        .runtime
        .triggers()
        .act(path.text("name"), action)
        .await?;
    Ok(Json(show(state, shown)))
}

/// Returns the answer about a trigger.
fn show(state: &AppState, found: ShownTrigger) -> Trigger {
    let ShownTrigger {
        id,
        url,
        earlier,
        trigger: stored,
        counts,
        unusable,
    } = found;
    let dates = state.dates();
    let refused = state.rejections.of(Source::Trigger(id));
    let earlier = earlier.into_iter().map(|(url, until)| EarlierUrl {
        url,
        until: dates.of(until),
    });
    let mut trigger = Trigger {
        name: stored.name,
        url,
        earlier_urls: earlier.collect(),
        workflow: String::new(),
        version: None,
        methods: Vec::new(),
        provider: None,
        signature: None,
        description: None,
        tolerance: None,
        cors: Vec::new(),
        reply: TriggerReply::Accepted,
        key: None,
        on_existing: stored.options.on_existing,
        key_missing: stored.options.key_missing,
        unread: stored.options.unread,
        labels: Default::default(),
        paused: stored.paused,
        created: dates.of(stored.created),
        updated: dates.of(stored.updated),
        started: counts.started,
        existing: counts.existing,
        last: counts.last.map(|last| dates.of(last)),
        refused: refused
            .reasons
            .into_iter()
            .map(|(code, count)| (code.to_owned(), count))
            .collect(),
        last_refused: refused.last.map(|last| dates.of(last)),
        unusable_secrets: unusable.into_iter().map(shown::unusable).collect(),
    };
    trigger_options::show(&stored.options, &mut trigger);
    trigger
}
