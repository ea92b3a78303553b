//! `triggers`: fixed URLs that start runs. `trigger_names` finds a trigger by its name, and `trigger_counts` counts the
//! requests.
//!
//! Key of `triggers` and `trigger_counts`: trigger. Key of `trigger_names`: name; its row is the trigger's id. The
//! counts change with each request, and are separate so that the settings are not written again.

use dormouse_journal::{Time, TriggerId, TriggerOptions};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<TriggerId, Trigger> = Table::new(TableId::Triggers);
pub(crate) const NAMES: Table<String, Named> = Table::new(TableId::TriggerNames);
pub(crate) const COUNTS: Table<TriggerId, TriggerCounts> = Table::new(TableId::TriggerCounts);

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// The name of the trigger.
    pub name: String,
    /// What the trigger does with a request.
    pub options: TriggerOptions,
    /// The number of the trigger's URL. It increases with each rotation.
    pub rotation: u32,
    /// Earlier URLs that are valid, or were valid until recently.
    pub earlier: Vec<EarlierUrl>,
    /// True if the trigger is paused and takes no requests.
    pub paused: bool,
    /// When the trigger was first set.
    pub created: Time,
    /// When the trigger was last set.
    pub updated: Time,
}

impl Row for Trigger {}

impl Trigger {
    /// Returns true if the URL of this number leads to the trigger now.
    #[must_use]
    pub fn takes(&self, rotation: u32, now: Time) -> bool {
        rotation == self.rotation
            || self
                .earlier
                .iter()
                .any(|earlier| earlier.rotation == rotation && earlier.is_valid(now))
    }
}

/// A URL from before a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierUrl {
    /// The number of the URL.
    pub rotation: u32,
    /// The time until which the URL is valid.
    pub until: Time,
}

impl EarlierUrl {
    /// Returns true if the URL is valid now.
    #[must_use]
    pub fn is_valid(self, now: Time) -> bool {
        now < self.until
    }
}

/// The id of the trigger with a name.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Named(pub(crate) TriggerId);

impl Row for Named {}

/// The results of the requests to a trigger, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerCounts {
    /// The number of requests that started a run.
    pub started: u64,
    /// The number of requests that belonged to an existing run: they were sent to it, or answered with its id.
    pub existing: u64,
    /// The time of the last request.
    pub last: Option<Time>,
}

impl Row for TriggerCounts {}
