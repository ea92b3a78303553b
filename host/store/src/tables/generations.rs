//! `generations`: what the present generation of a run began with.
//!
//! Key: run. Row: [`Generation`]. A run in its first generation has none.

use dormouse_journal::{KeptWebhook, RunId, WebhookNumber};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<RunId, Generation> = Table::new(TableId::Generations);

/// What a generation began with, beside its input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Generation {
    /// The number of the first webhook that it creates. Those before it that were not kept are closed, and are removed.
    pub(crate) first_webhook: WebhookNumber,
    /// The webhooks that the generation before has kept. The records that have their URLs are gone, so these are here.
    pub(crate) kept: Vec<KeptWebhook>,
    /// True if the run had been asked to cancel by then.
    pub(crate) cancel_asked: bool,
}

impl Row for Generation {}
