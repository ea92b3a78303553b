//! `webhooks`: a webhook, and its inbox as a whole.
//!
//! Key: run, webhook. Row: [`Webhook`]. The first few of a run lie in its row of `states` instead.

use dormouse_journal::{Time, WebhookNumber, WebhookOptions};
use serde::{Deserialize, Serialize};

use super::TableId;
use super::few::Rest;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Rest<WebhookNumber, Webhook> = Table::new(TableId::Webhooks);

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// What the author calls it.
    pub step: String,
    /// The number of the activation that created it, whose record has the URL: the longest part of it all is kept once.
    pub activation: u32,
    /// How it treats what is sent to it.
    pub options: WebhookOptions,
    /// When it was created.
    pub created: Time,
    /// Whether it was closed.
    pub closed: bool,
    /// The place of the next request.
    pub next_place: u64,
    /// Requests accepted and not taken.
    pub queued: u32,
    /// Their size.
    pub queued_bytes: u64,
    /// Requests taken.
    pub delivered: u64,
    /// How many waits are open.
    pub waits: u32,
    /// When the last request was accepted.
    pub last_accepted: Option<Time>,
}

impl Row for Webhook {}

impl Webhook {
    /// Whether there may be something to deliver.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.waits > 0 && self.queued > 0
    }
}
