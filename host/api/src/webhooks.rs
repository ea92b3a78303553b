//! The webhooks of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Timestamp, WebhookOptions};

/// The webhooks of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhooks {
    /// The webhooks, in the order in which they were created.
    pub webhooks: Vec<Webhook>,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// The number of the webhook in its run.
    pub webhook: u32,
    /// The step name, which the author chose.
    pub step: String,
    /// The URL of the webhook. Everybody who knows it can call it.
    pub url: String,
    /// How the webhook treats requests.
    #[serde(flatten)]
    pub options: WebhookOptions,
    /// When the webhook was created.
    pub created: Timestamp,
    /// True if the workflow has closed the webhook, so that it takes no more requests.
    pub closed: bool,
    /// The number of requests in the inbox: accepted, and not taken by a wait yet.
    pub queued: u32,
    /// The size of the requests in the inbox, in bytes.
    pub queued_bytes: u64,
    /// The number of requests that waits have taken.
    pub delivered: u64,
    /// The number of open waits for this webhook.
    pub waits: u32,
    /// When the last request was accepted.
    pub last_accepted: Option<Timestamp>,
    /// The number of refused requests since the host started, by the `code` that they were answered with. The counts are in
    /// memory. On a host with very many webhooks, those of the webhooks whose last refusal is longest ago are dropped.
    pub rejected: BTreeMap<String, u64>,
    /// When the last request was refused.
    pub last_rejected: Option<Timestamp>,
    /// The webhook's secrets that are not valid keys for the provider's signature, so that no request can be checked by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable_secrets: Vec<UnusableSecret>,
}

/// A secret that is not a valid key for a provider's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnusableSecret {
    /// The name of the secret.
    #[schema(example = "shop")]
    pub name: String,
    /// Why the secret is not a valid key. The text names the form that a key needs, and nothing of the secret's value.
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
    /// The id of the delivery, by which the host remembers the request.
    pub id: DeliveryName,
}

/// The id of a delivery: an `Idempotency-Key`, a `webhook-id`, or the provider's own id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "a delivery is named by a text, or by a list of texts where its provider takes several values together"
)]
pub enum DeliveryName {
    /// The id as one text.
    One(String),
    /// The values that are the id together, in the order of the provider's description.
    Parts(Vec<String>),
}

/// A request that was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Forgotten {
    /// The run whose webhook had accepted the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The number of the webhook that had accepted the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<u32>,
    /// The name of the trigger that had accepted the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The kinds of id by which the request was remembered: `Idempotency-Key`, `webhook-id`, or the provider's.
    #[schema(example = json!(["github"]))]
    pub forgotten: Vec<String>,
}
