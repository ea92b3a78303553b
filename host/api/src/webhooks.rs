//! The webhooks of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Timestamp, WebhookOptions};

/// The webhooks of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhooks {
    /// In the order in which they were created.
    pub webhooks: Vec<Webhook>,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Its number in the run.
    pub webhook: u32,
    /// What the author calls it.
    pub step: String,
    /// Its URL. Whoever knows it can call it.
    pub url: String,
    /// How it treats what is sent to it.
    #[serde(flatten)]
    pub options: WebhookOptions,
    /// When it was created.
    pub created: Timestamp,
    /// Whether the workflow closed it, so that it takes no more requests.
    pub closed: bool,
    /// Requests accepted and not taken by a wait.
    pub queued: u32,
    /// Their size in bytes.
    pub queued_bytes: u64,
    /// Requests taken by a wait.
    pub delivered: u64,
    /// Waits that are open.
    pub waits: u32,
    /// When the last request was accepted.
    pub last_accepted: Option<Timestamp>,
    /// Requests refused, by the `code` that they were answered with. Counted in memory: since the host started, and on a
    /// host with very many webhooks no longer for those whose last refusal is longest ago.
    pub rejected: BTreeMap<String, u64>,
    /// When the last request was refused.
    pub last_rejected: Option<Timestamp>,
    /// Secrets of it that cannot be keys of its provider's signature, so that no request can be proven by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable_secrets: Vec<UnusableSecret>,
}

/// A secret that cannot be a key of a provider's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnusableSecret {
    /// Its name.
    #[schema(example = "shop")]
    pub name: String,
    /// Why it cannot be a key. It tells the form that the secret has not, and nothing that is in it.
    #[schema(example = "the secret is not base64, as those of this provider are")]
    pub reason: String,
}

/// A request that is to be forgotten, so that it is taken as a new one when it comes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Forget {
    /// The URL of the webhook or trigger.
    #[schema(example = "https://hooks.example/hooks/AAEB")]
    pub url: String,
    /// The name by which the request is known.
    pub id: DeliveryName,
}

/// The name of a delivery: an `Idempotency-Key`, a `webhook-id`, or the provider's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "a delivery is named by a text, or by a list of texts where its provider takes several values together"
)]
pub enum DeliveryName {
    /// One text.
    One(String),
    /// The values that a provider takes together, in the order of its description.
    Parts(Vec<String>),
}

/// A request that was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Forgotten {
    /// The run that had accepted it by a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The number of that webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<u32>,
    /// The name of the trigger that had accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// What the name was that it was remembered by: `Idempotency-Key`, `webhook-id`, or that of a provider.
    #[schema(example = json!(["github"]))]
    pub forgotten: Vec<String>,
}
