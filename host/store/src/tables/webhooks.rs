//! `webhooks`: webhooks, each with the state of its inbox.
//!
//! Key: run, webhook. Row: [`Webhook`]. The first few of a run are in its row of `states` instead.

use dormouse_journal::{Time, WebhookNumber, WebhookOptions};
use serde::{Deserialize, Serialize};

use super::TableId;
use super::inline_rows::OverflowTable;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: OverflowTable<WebhookNumber, Webhook> = Table::new(TableId::Webhooks);

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The name that the author gave the webhook.
    pub step: String,
    /// The number of the activation that created the webhook. Its record has the URL, which is long and therefore kept
    /// only once.
    pub activation: u32,
    /// How the webhook handles requests.
    pub options: WebhookOptions,
    /// When the webhook was created.
    pub created: Time,
    /// True if the webhook was closed.
    pub closed: bool,
    /// The place of the next request.
    pub next_place: u64,
    /// The number of requests that were accepted and not taken.
    pub queued: u32,
    /// The size of these requests in bytes.
    pub queued_bytes: u64,
    /// The number of requests that were taken.
    pub delivered: u64,
    /// The number of open waits.
    pub waits: u32,
    /// When the last request was accepted.
    pub last_accepted: Option<Time>,
}

impl Row for Webhook {}

impl Webhook {
    /// Returns true if there may be something to deliver.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.waits > 0 && self.queued > 0
    }
}
