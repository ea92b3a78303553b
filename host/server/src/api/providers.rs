//! Providers: what the host knows about services that send webhooks.

use axum::Json;
use axum::extract::State;
use dormouse_api::{ProblemBody, Provider, ProviderSummary, Providers};
use dormouse_webhook::provider::{self as webhook, Providers as Known};

use super::docs::Guarded;
use super::path::PathParams;
use super::state::AppState;
use crate::problem::Problem;

/// Lists the providers
///
/// A provider's description says how it signs its webhooks, probes URLs and repeats deliveries. The list has the descriptions
/// that come with the host, and those of `--providers-dir`.
#[utoipa::path(
    get, path = "/v1/providers", tag = "operations", operation_id = "list_providers",
    responses((status = 200, description = "The providers", body = Providers), Guarded),
)]
pub(super) async fn list(State(state): State<AppState>) -> Json<Providers> {
    let known = state.runtime.settings().providers.all();
    let providers = known.map(|provider| summary(provider)).collect();
    Json(Providers { providers })
}

/// Shows a provider, with its description
#[utoipa::path(
    get, path = "/v1/providers/{name}", tag = "operations", operation_id = "show_provider",
    params(("name" = String, Path, description = "The provider's name")),
    responses(
        (status = 200, description = "The provider", body = Provider),
        (status = 404, description = "`unknown-provider`", body = ProblemBody, content_type = "application/problem+json"),
        Guarded,
    ),
)]
pub(super) async fn show(
    State(state): State<AppState>,
    path: PathParams,
) -> Result<Json<Provider>, Problem> {
    let name = path.text("name");
    let provider = state.runtime.settings().providers.get(name);
    let provider = provider
        .ok_or_else(|| Problem::unknown_provider(name, &state.runtime.settings().providers))?;
    let settings = provider.settings().iter();
    Ok(Json(Provider {
        summary: summary(provider),
        note: provider.note().map(str::to_owned),
        settings: settings
            .map(|setting| (setting.name.clone(), setting.help.clone()))
            .collect(),
        description: provider.text().to_owned(),
    }))
}

fn summary(provider: &webhook::Provider) -> ProviderSummary {
    ProviderSummary {
        name: provider.name().to_owned(),
        title: provider.title().to_owned(),
        page: provider.page().to_owned(),
        signs: provider.signs(),
        probes: provider.probes(),
        repeats: provider.repeats(),
        built_in: Known::is_built_in(provider.name()),
    }
}
