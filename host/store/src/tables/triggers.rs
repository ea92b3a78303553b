//! `triggers`: fixed URLs that start runs. `trigger_names` finds one by its name, `trigger_counts` counts what came.
//!
//! Key of `triggers` and `trigger_counts`: trigger. Key of `trigger_names`: name; its row is the trigger's id. What changes
//! with each request lies apart, so that the settings are not written again.

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
    /// Its name.
    pub name: String,
    /// What it does with a request.
    pub options: TriggerOptions,
    /// The number of its URL. It goes up with each rotation.
    pub rotation: u32,
    /// Earlier URLs that are still valid, or were until not long ago.
    pub earlier: Vec<EarlierUrl>,
    /// True if it takes no requests for the time being.
    pub paused: bool,
    /// When it was first set.
    pub created: Time,
    /// When it was last set.
    pub updated: Time,
}

impl Row for Trigger {}

impl Trigger {
    /// Returns true if the URL of this number leads to it now.
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
    /// Its number.
    pub rotation: u32,
    /// Until when it is valid.
    pub until: Time,
}

impl EarlierUrl {
    /// Returns true if it is valid now.
    #[must_use]
    pub fn is_valid(self, now: Time) -> bool {
        now < self.until
    }
}

/// The id of the trigger that has a name.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Named(pub(crate) TriggerId);

impl Row for Named {}

/// What came of the requests to a trigger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerCounts {
    /// How many started a run.
    pub started: u64,
    /// How many belonged to a run that was there: they were sent to it, or answered with its id.
    pub existing: u64,
    /// When the last of them came.
    pub last: Option<Time>,
}

impl Row for TriggerCounts {}
