//! Providers: what the host knows about services that send webhooks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The providers that a host knows, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Providers {
    /// The providers.
    pub providers: Vec<ProviderSummary>,
}

/// What lists show about a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderSummary {
    /// The name by which webhooks and triggers name the provider.
    pub name: String,
    /// The name of the provider, for people.
    pub title: String,
    /// The provider's own page about its webhooks.
    pub page: String,
    /// True if the provider's requests are checked by a signature, a token or a password.
    pub signs: bool,
    /// True if the provider probes URLs, and the host answers the probes.
    pub probes: bool,
    /// True if repeats are recognised by something that the provider sends.
    pub repeats: bool,
    /// True if the description comes with this version of the host.
    pub built_in: bool,
}

/// A provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Provider {
    /// What lists show too.
    #[serde(flatten)]
    pub summary: ProviderSummary,
    /// What a user must know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The settings that a webhook can or must give: the name of each, and what it is for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// The description, as TOML.
    pub description: String,
}
