//! The origins of completions.

use serde::{Deserialize, Serialize};

use crate::{Channel, Time};

/// The source of an operation's outcome. New sources must be added at the end, because the order is the
/// format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// An item in a channel.
    Arrival {
        /// The channel.
        channel: Channel,
        /// The place of the item in the channel.
        place: u64,
    },
    /// The deadline of the operation has passed: a wait returns none, and a sleep ends.
    Deadline,
    /// `abandon` gave the operation up.
    Abandoned,
}

/// The origin of a completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The source of the completion.
    pub source: Source,
    /// When the host accepted the item, the deadline passed, or the operation was given up.
    pub accepted: Time,
    /// The name of an event to all that has reached the wait. Such an event is in the channel of the
    /// wait's outcome.
    pub event: Option<String>,
}
