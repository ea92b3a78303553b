//! The records of a run: its journal, its log and its webhooks.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use dormouse_api::request::{AtActivation, AtLine, Cursor as _, QueryParams};
use dormouse_api::{Activation, JournalPage, LogLine, LogPage, Mask, Showing, Webhook, Webhooks};
use dormouse_journal::{RunId, Signature};
use dormouse_runtime::UnusableSecret;
use dormouse_store::WebhookView;
use dormouse_webhook::provider::{Provider, Providers};
use http::Uri;

use super::docs::{Guarded, QueryProblems, RunProblems};
use super::path::PathParams;
use super::runs::about;
use super::shown;
use super::state::AppState;
use crate::ingress::Source;
use crate::problem::Problem;

/// The number of activations on a page of a journal: the default and the largest.
const ACTIVATIONS: usize = 100;
const MOST_ACTIVATIONS: usize = 1_000;

/// The largest number of reads of a journal for one page. Each returns some MiB at most, so a page of large activations
/// has fewer of them.
const MOST_READS: u32 = 8;

/// The number of lines on a page of a log: the default and the largest.
const LINES: usize = 1_000;
const MOST_LINES: usize = 10_000;

/// The number of webhooks whose descriptions of providers are compiled at once. They have at most a mebibyte together.
const COMPILED_AT_ONCE: usize = 64;

/// The number of webhooks that are read first. Few runs have more.
const FEW: usize = 32;

/// Shows a run's journal
///
/// Activations with what was delivered and which operations were made. Bodies of more than 64 KiB are left out, and so
/// are the values of headers that carry credentials or signatures, or that the setting `mask-headers` names. A page can have
/// fewer activations than `limit` and still have a `next`, if they are large.
#[utoipa::path(
    get, path = "/v1/runs/{id}/journal", tag = "runs", operation_id = "show_journal",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("limit" = Option<u32>, Query, description = "At most so many activations, from 1 to 1000; 100 if absent"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "A page of the journal", body = JournalPage), QueryProblems, RunProblems,
        Guarded),
)]
pub(super) async fn journal(
    State(state): State<AppState>,
    path: PathParams,
    uri: Uri,
) -> Result<Response, Problem> {
    let run = path.run()?;
    let params = QueryParams::read(&uri, &["limit", "cursor"])?;
    let limit = params.limit(ACTIVATIONS, 1..=MOST_ACTIVATIONS)?;
    let from = AtActivation::from_query(&params)?.unwrap_or_default();
    let mask = state.mask().clone();
    let known = state.runtime.reader().state(run).await?;
    // A run that has continued as new numbers its activations on, and its journal begins with its generation.
    let from = match &known {
        Some(run) if from.activation < run.first_activation => AtActivation {
            activation: run.first_activation,
            operation: run.first_operation,
        },
        _ => from,
    };
    let bytes = known.map_or(0, |known| known.journal_bytes);
    let page = async { Ok(Json(journal_page(&state, run, from, limit, mask).await?)) };
    state.turns.make_of(bytes, page).await
}

/// Shows a run's log
#[utoipa::path(
    get, path = "/v1/runs/{id}/logs", tag = "runs", operation_id = "show_logs",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("limit" = Option<u32>, Query, description = "At most so many lines, from 1 to 10000; 1000 if absent"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "A page of the log", body = LogPage), QueryProblems, RunProblems, Guarded),
)]
pub(super) async fn logs(
    State(state): State<AppState>,
    path: PathParams,
    uri: Uri,
) -> Result<Response, Problem> {
    let run = path.run()?;
    let params = QueryParams::read(&uri, &["limit", "cursor"])?;
    let limit = params.limit(LINES, 1..=MOST_LINES)?;
    let from = AtLine::from_query(&params)?.unwrap_or_default();
    let page = async { Ok(Json(log_page(&state, run, from, limit).await?)) };
    state.turns.make(page).await
}

/// Shows a run's webhooks
///
/// With their URLs, which let whoever knows them call the run, their options, how many requests wait in their inboxes,
/// and how many were refused since the host started.
#[utoipa::path(
    get, path = "/v1/runs/{id}/webhooks", tag = "runs", operation_id = "list_webhooks",
    params(("id" = String, Path, description = "The run's id")),
    responses((status = 200, description = "The webhooks", body = Webhooks), RunProblems, Guarded),
)]
pub(super) async fn webhooks(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Response, Problem> {
    let run = path.run()?;
    let webhooks = async {
        let webhooks = webhooks_of(&state, run).await?;
        Ok(Json(Webhooks { webhooks }))
    };
    about(&state, run, None, webhooks).await
}

/// Returns the webhooks of a run.
pub(super) async fn webhooks_of(state: &AppState, run: RunId) -> Result<Vec<Webhook>, Problem> {
    let mut webhooks = first_webhooks(state, run, FEW).await?;
    if webhooks.len() == FEW {
        webhooks = first_webhooks(state, run, usize::MAX).await?;
    }
    let unusable = unusable_secrets(state, run, &webhooks).await?;
    let dates = state.dates();
    let webhooks = webhooks.into_iter().zip(unusable);
    let webhooks = webhooks.map(|(view, unusable)| {
        let rejected = state.rejections.of(Source::Webhook(run, view.number));
        shown::webhook(view, rejected, unusable, dates)
    });
    Ok(webhooks.collect())
}

/// Returns, for each of these webhooks, the secrets that are not valid keys for its provider's signature.
async fn unusable_secrets(
    state: &AppState,
    run: RunId,
    webhooks: &[WebhookView],
) -> Result<Vec<Vec<UnusableSecret>>, Problem> {
    let options: Vec<_> = webhooks.iter().map(|view| &view.webhook.options).collect();
    if options.iter().all(|options| options.signature.is_none()) {
        // Most webhooks check no signature, and then the run's state need not be read.
        return Ok(vec![Vec::new(); options.len()]);
    }
    let known = state.runtime.reader().state(run).await?;
    let workflow = known.map(|state| state.workflow).unwrap_or_default();
    Ok(state.runtime.unusable_secrets(&workflow, &options).await?)
}

/// Returns at most this many webhooks of a run, in the order in which it created them.
async fn first_webhooks(
    state: &AppState,
    run: RunId,
    limit: usize,
) -> Result<Vec<WebhookView>, Problem> {
    let webhooks = state.runtime.reader().webhooks(run, limit).await?;
    webhooks.ok_or_else(|| Problem::unknown_run(run))
}

async fn journal_page(
    state: &AppState,
    run: RunId,
    from: AtActivation,
    limit: usize,
    mask: Mask,
) -> Result<JournalPage, Problem> {
    let webhooks = first_webhooks(state, run, usize::MAX).await?;
    let mut showing = Showing::new(mask.with(signature_headers_of(state, webhooks).await));
    let reader = state.runtime.reader();
    let mut page = JournalPage {
        activations: Vec::new(),
        next: None,
    };
    let (mut at, mut read) = (from, 0);
    loop {
        let wanted = limit - page.activations.len();
        let found = reader.journal(run, at.activation, wanted).await?;
        for activation in &found.activations {
            let shown = Activation::of(at.activation, at.operation, activation, &mut showing);
            page.activations.push(shown);
            let made = u32::try_from(activation.operations.len()).unwrap_or(u32::MAX);
            at.activation = at.activation.saturating_add(1);
            at.operation = at.operation.saturating_add(made);
        }
        if !found.more {
            return Ok(page);
        }
        read += 1;
        if page.activations.len() == limit || read == MOST_READS {
            page.next = Some(at.to_text());
            return Ok(page);
        }
    }
}

/// Returns the headers with the signatures that a run's webhooks check. Authors choose some of the names. Many descriptions are
/// compiled on another thread, some at a time, so that others have their turn in between.
async fn signature_headers_of(state: &AppState, webhooks: Vec<WebhookView>) -> BTreeSet<String> {
    let mut signed: Vec<Signed> = webhooks
        .into_iter()
        .filter_map(|view| {
            let options = view.webhook.options;
            Some((options.signature?, options.description))
        })
        .collect();
    // Most webhooks of a run check the same.
    signed.dedup();
    let mut names = BTreeSet::new();
    while !signed.is_empty() {
        let some: Vec<Signed> = signed.drain(..signed.len().min(COMPILED_AT_ONCE)).collect();
        let sizes = some.iter().filter_map(|(_, own)| own.as_ref());
        let size = sizes.map(String::len).sum();
        let providers = state.runtime.settings().providers.clone();
        let compiling = move || headers_of(&some, &providers);
        names.extend(state.runtime.compute(size, compiling).await);
    }
    names
}

/// What a webhook checks: the signature that it names, and its own description of a provider.
type Signed = (Signature, Option<String>);

fn headers_of(signed: &[Signed], providers: &Providers) -> Vec<String> {
    let headers = signed.iter().filter_map(|(signature, own)| {
        let own = own.as_deref();
        let own = own.and_then(|text| Provider::compile("description", text).ok());
        let own = own.filter(|own| own.name() == signature.provider);
        let known = providers.get(&signature.provider).map(AsRef::as_ref);
        let check = own.as_ref().or(known)?.check(&signature.settings).ok()?;
        Some(check.signature_headers())
    });
    headers.flatten().collect()
}

async fn log_page(
    state: &AppState,
    run: RunId,
    from: AtLine,
    limit: usize,
) -> Result<LogPage, Problem> {
    let reader = state.runtime.reader();
    if reader.state(run).await?.is_none() {
        return Err(Problem::unknown_run(run));
    }
    let page = reader
        .logs(run, (from.activation, from.line), limit)
        .await?;
    let lines = page.lines.into_iter();
    let next = page
        .next
        .map(|(activation, line)| AtLine { activation, line });
    Ok(LogPage {
        lines: lines
            .map(|((activation, _), line)| LogLine::of(activation, line))
            .collect(),
        next: next.map(|next| next.to_text()),
    })
}
