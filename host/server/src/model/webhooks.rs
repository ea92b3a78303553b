//! The webhooks of a run.

use dormouse_store::WebhookView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

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
    /// The methods that reach the run.
    pub methods: Vec<String>,
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
}

impl From<WebhookView> for Webhook {
    fn from(view: WebhookView) -> Self {
        let webhook = view.webhook;
        Webhook {
            webhook: view.number.0,
            methods: webhook
                .options
                .delivered_methods()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            step: webhook.step,
            url: webhook.url,
            created: webhook.created.into(),
            closed: webhook.closed,
            queued: webhook.queued,
            queued_bytes: webhook.queued_bytes,
            delivered: webhook.delivered,
            waits: webhook.waits,
            last_accepted: webhook.last_accepted.map(Into::into),
        }
    }
}
