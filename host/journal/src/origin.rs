//! Where completions come from.

use serde::{Deserialize, Serialize};

use crate::{Channel, Time};

/// What an operation completes with. New sources go to the end: the order is the format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// What lies in a channel at this place.
    Arrival {
        /// The channel.
        channel: Channel,
        /// The place.
        place: u64,
    },
    /// Its deadline has passed: a wait gives none, a sleep ends.
    Deadline,
    /// It was given up by `abandon`.
    Abandoned,
}

/// Where a completion came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What it was.
    pub source: Source,
    /// When the host accepted it, or when the deadline passed or the operation was given up.
    pub accepted: Time,
    /// The name of an event that was sent to all who wait, which lay where the outcome of the wait lies.
    pub event: Option<String>,
}
