//! The parts of the OpenAPI document that are not at the handlers: what all handlers have in common, and the route of
//! webhooks.

use std::collections::BTreeMap;

use dormouse_api::{ProblemBody, Timestamp};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi as _};

use crate::problem::CONTENT;

/// Returns the text of a document.
pub(super) fn to_json(document: &OpenApi) -> String {
    // A document of text and numbers can always be written as JSON.
    document.to_pretty_json().unwrap_or_default()
}

/// Returns the parts of the document that are not at the handlers.
pub(super) fn frame() -> OpenApi {
    Frame::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Dormouse",
        version = "1",
        description = "Durable workflows. Errors are RFC 9457 problem details with a stable `code`; times are RFC 3339 \
            in UTC, to the millisecond. A host with an API token wants it from every caller as a bearer token; one \
            without answers requests to loopback addresses only.",
        license(name = "MIT OR Apache-2.0"),
    ),
    paths(hooks),
    components(schemas(ProblemBody)),
    security(("token" = [])),
    modifiers(&Token, &Hooks),
    tags(
        (name = "workflows", description = "Deployed components, by name"),
        (name = "runs", description = "Executions of workflows"),
        (name = "events", description = "Named events"),
        (name = "secrets", description = "Values that workflows can use but never see"),
        (name = "triggers", description = "Fixed URLs that start runs"),
        (name = "operations", description = "For whoever operates the host"),
        (name = "webhooks", description = "For the outside world"),
    ),
)]
struct Frame;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = Http::builder().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components
            .security_schemes
            .insert("token".into(), SecurityScheme::Http(scheme).into());
    }
}

struct Hooks;

impl Modify for Hooks {
    /// The ids of operations must differ, but one function serves all methods.
    fn modify(&self, document: &mut OpenApi) {
        for item in document.paths.paths.values_mut() {
            let methods = [
                &mut item.get,
                &mut item.put,
                &mut item.post,
                &mut item.patch,
                &mut item.delete,
                &mut item.head,
                &mut item.options,
            ];
            for operation in methods.into_iter().flatten() {
                operation.operation_id = None;
            }
        }
    }
}

/// Calls a webhook or a trigger
///
/// The URL was made by a run and is all that is needed to call it, unless its workflow asks for a signature; a sub-path
/// and a query may follow. The request is kept for the run as it is: method, URL, headers, body. It is answered once it
/// is durable, whatever the run does then, unless the workflow says what it is answered: always, or by what it decides
/// in time. A webhook takes POST, PUT, PATCH and DELETE unless its workflow says otherwise. HEAD, OPTIONS and the probes
/// of providers are answered by the host and never reach the run.
///
/// The URL of a trigger is called in the same way. Its request starts a run, or is sent to one that has its key; the `id` in
/// the answer is that run's.
#[utoipa::path(
    method(get, post, put, patch, delete, head, options),
    path = "/hooks/{token}", tag = "webhooks", security(()),
    params(
        ("token" = String, Path, description = "The token in the URL that the run or the trigger has"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat with the same key and body is known as \
            one, and does not reach the run again. `webhook-id` and the ids of providers do the same"),
    ),
    request_body(content = inline(Option<Bytes>), content_type = "*/*", description = "Whatever the run is to get"),
    responses(
        (status = 202, description = "The request is durable", body = inline(HookAnswer)),
        (status = "default", description = "The answer of the workflow, if the workflow answers. Repeats get the same answer"),
        (status = 200, description = "To HEAD, and to a provider's probe"),
        (status = 204, description = "To OPTIONS, with `Allow`"),
        (status = 401, description = "`signature-missing`, `signature-malformed`, `signature-stale`, `signature-wrong`: \
            the request does not prove what the workflow asks for; `signature-unverifiable`: the host has no secret to \
            check it by, or none that can be a key of its provider's signature", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-webhook`: this host made no such URL", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 405, description = "`method-not-allowed`, with `Allow`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 410, description = "`webhook-gone`: it was closed, or its run has ended; `trigger-gone`: the trigger was \
            deleted, has another URL, or its workflow was deleted", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "`idempotency-key-reused`: it came with another body before; `key-missing`: the trigger \
            wants a key by which requests belong to one run", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "`inbox-full`, `host-full`, `too-fast`, `too-many-held`, with `Retry-After`", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 502, description = "The trigger answers with its run's output, and the run failed or was cancelled: `code` is the \
            failure's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The host cannot keep the request now, or its caller (`too-many-held`); \
            `trigger-paused`; `run-failed`: the run has failed, and may be retried; `webhook-not-ready`: the run is still being \
            written to the disk; with `Retry-After`", body = ProblemBody,
            content_type = "application/problem+json"),
        BodyProblems,
    ),
)]
#[expect(
    dead_code,
    reason = "a place for the attribute: the routes are the ingress's, for any method and sub-path"
)]
fn hooks() {}

/// The conditions of a filter of runs, which all must be met.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "a shape for the document; a filter is read by name"
)]
pub(super) struct FilterParams {
    /// Runs of this workflow only
    workflow: Option<String>,
    /// Runs with this status only: `pending`, `running`, `suspended`, `blocked`, `completed`, `failed`, `cancelled`. It is the
    /// one that was last stored: a run that is executing is found as what it was before, `suspended` or `pending`
    status: Option<String>,
    /// Runs on this version only
    version: Option<String>,
    /// Runs that this run has started only
    parent: Option<String>,
    /// Runs that have this label only, `key:value`; may repeat, and then all are wanted
    label: Option<Vec<String>>,
    /// Runs that were started at this time or later only
    since: Option<Timestamp>,
    /// Runs that were started before this time only
    until: Option<Timestamp>,
    /// Runs that have ended at this time or later only
    #[param(rename = "ended-since")]
    ended_since: Option<Timestamp>,
    /// Runs that have ended before this time only
    #[param(rename = "ended-until")]
    ended_until: Option<Timestamp>,
    /// Runs whose id begins so only
    id: Option<String>,
    /// Runs that have failed, or are blocked, with this code only
    failure: Option<String>,
    /// Runs that wait for such a thing only: `webhook`, `event`, `sleep`, `call`, `run`, `cancel`
    waiting: Option<String>,
}

/// Bytes of any kind.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(
    dead_code,
    reason = "a shape for the document; bodies are read as they come"
)]
pub(super) struct Bytes(Vec<u8>);

/// What a workflow returned, of whatever media type: with one of JSON it is any value, and not a text.
#[derive(utoipa::ToSchema)]
#[schema(value_type = serde_json::Value)]
#[expect(
    dead_code,
    reason = "a shape for the document; outputs go out as they are"
)]
pub(super) struct Output(Vec<u8>);

/// What the caller of a webhook is answered.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "a shape for the document; the ingress answers it")]
struct HookAnswer {
    /// Names the request; the run sees it too. Of a trigger, it is the run's id.
    id: String,
    /// Whether it repeats a request that was accepted before, whose `id` this is.
    duplicate: bool,
    /// Of a trigger: whether the request belongs to a run that was there, whose `id` this is.
    existing: Option<bool>,
}

/// What every guarded operation can answer.
pub(super) struct Guarded;

impl IntoResponses for Guarded {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("401", "`unauthorized`: the API token is missing or wrong"),
            (
                "403",
                "`cross-site`: a page of another origin asks; `forbidden`: without an API token, requests to loopback only",
            ),
            (
                "431",
                "`too-many-header-fields`; `detail` names limit and setting",
            ),
            (
                "503",
                "`disk-full`, `store-failed`, `stopping`: try again after `Retry-After`",
            ),
        ])
    }
}

/// What every operation that takes a body can answer.
pub(super) struct BodyProblems;

impl IntoResponses for BodyProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (
                "400",
                "Something in the request is malformed; `detail` names it",
            ),
            (
                "408",
                "`request-timeout`: the body did not come fast enough",
            ),
            ("413", "`body-too-large`; `detail` names limit and setting"),
            (
                "431",
                "`too-many-header-fields`; `detail` names limit and setting",
            ),
            (
                "501",
                "`unsupported-transfer-encoding`: a body is sent as it is, whole or `chunked`",
            ),
        ])
    }
}

/// What every operation with a query can answer.
pub(super) struct QueryProblems;

impl IntoResponses for QueryProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(
            "400",
            "`invalid-query`, `invalid-run-id`: `detail` names the field",
        )])
    }
}

/// What every operation on a run can answer.
pub(super) struct RunProblems;

impl IntoResponses for RunProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (
                "400",
                "Something in the request is malformed; `detail` names it",
            ),
            ("404", "`unknown-run`"),
        ])
    }
}

/// What every operation on a workflow that must exist can answer.
pub(super) struct WorkflowProblems;

impl IntoResponses for WorkflowProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("404", "`unknown-workflow`")])
    }
}

/// What every operation on a trigger that must exist can answer.
pub(super) struct TriggerProblems;

impl IntoResponses for TriggerProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (
                "400",
                "Something in the request is malformed; `detail` names it",
            ),
            ("404", "`unknown-trigger`"),
        ])
    }
}

/// What every operation on a secret that must exist can answer.
pub(super) struct SecretProblems;

impl IntoResponses for SecretProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[("404", "`unknown-secret`")])
    }
}

fn problems(list: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let problem = || {
        ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build()
    };
    list.iter()
        .map(|(status, description)| {
            let response = ResponseBuilder::new()
                .description(*description)
                .content(CONTENT, problem());
            ((*status).to_owned(), response.build().into())
        })
        .collect()
}
