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
}
