//! The webhooks of a run.

use std::collections::BTreeMap;

use dormouse_store::WebhookView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Timestamp, WebhookOptions};
use crate::ingress::Rejected;

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
}

impl Webhook {
    /// A webhook as it is in the store, and what it refused.
    #[must_use]
    pub fn of(view: WebhookView, rejected: Rejected) -> Self {
        let webhook = view.webhook;
        let reasons = rejected.reasons.into_iter();
        Webhook {
            webhook: view.number.0,
            options: (&webhook.options).into(),
            step: webhook.step,
            url: view.url,
            created: webhook.created.into(),
            closed: webhook.closed,
            queued: webhook.queued,
            queued_bytes: webhook.queued_bytes,
            delivered: webhook.delivered,
            waits: webhook.waits,
            last_accepted: webhook.last_accepted.map(Into::into),
            rejected: reasons
                .map(|(code, count)| (code.to_owned(), count))
                .collect(),
            last_rejected: rejected.last.map(Into::into),
        }
    }
}
