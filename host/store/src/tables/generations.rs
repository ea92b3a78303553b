//! `generations`: the beginning of the present generation of a run.
//!
//! Key: run. Row: [`Generation`]. A run in its first generation has no row.

use dormouse_journal::{KeptWebhook, RunId, WebhookNumber};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<RunId, Generation> = Table::new(TableId::Generations);

/// The beginning of a generation, without its input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Generation {
    /// The number of the first webhook that the generation creates. Earlier webhooks that were not kept are closed, and
    /// are removed.
    pub(crate) first_webhook: WebhookNumber,
    /// The webhooks that the previous generation has kept. They are listed here because the records with their URLs are
    /// gone.
    pub(crate) kept: Vec<KeptWebhook>,
    /// True if the run had been asked to cancel when the generation began.
    pub(crate) cancel_asked: bool,
}

impl Row for Generation {}
