//! Providers: what the host knows of those that send webhooks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The providers that a host knows, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Providers {
    /// The providers.
    pub providers: Vec<ProviderSummary>,
}

/// What a provider does, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderSummary {
    /// The name by which webhooks ask for it.
    pub name: String,
    /// The name that people know.
    pub title: String,
    /// The provider's own page about its webhooks.
    pub page: String,
    /// Whether it signs its requests, or proves itself by a token.
    pub signs: bool,
    /// Whether it probes a URL, and is answered.
    pub probes: bool,
    /// Whether repeats of a delivery are known by what it sends.
    pub repeats: bool,
    /// Whether its description comes with this version of the host.
    pub built_in: bool,
}

/// A provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Provider {
    /// What it does.
    #[serde(flatten)]
    pub summary: ProviderSummary,
    /// What a user must know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What a webhook can or must say besides: each name with what it is for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// The description, as TOML.
    pub description: String,
}
