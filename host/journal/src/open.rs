//! Operations that have not completed: what each waits for, and where it may arrive.

use serde::{Deserialize, Serialize};

use crate::{Kind, OperationNumber, Time, WebhookNumber};

/// Where something for a run arrives. New channels go to the end: the order is the format.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Channel {
    /// A webhook's inbox.
    Webhook(WebhookNumber),
    /// The run's inbox for events of this name that are aimed at it.
    Event(String),
    /// The outcome of one operation: of a call, of a notify, of what is asked of another run, or an event sent to all who
    /// wait.
    Result(OperationNumber),
    /// That the run was asked to cancel. It stays there for every wait.
    Cancel,
}

/// The first item in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its place in the channel.
    pub place: u64,
    /// When the host accepted it.
    pub accepted: Time,
}

/// An operation that has not completed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The author's name for it.
    pub step: String,
    /// What it is.
    pub kind: Kind,
    /// The time of the activation that made it.
    pub issued: Time,
    /// True if `abandon` gave it up, so that it completes next.
    pub abandoned: bool,
}

impl Open {
    /// Returns when the operation was made and when it ends by itself.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        Waiting {
            issued: self.issued,
            deadline: self.kind.deadline(self.issued),
        }
    }

    /// Returns the channels on which the operation's outcome may arrive.
    #[must_use]
    pub fn channels(&self, number: OperationNumber) -> Vec<Channel> {
        match &self.kind {
            Kind::WaitForWebhook { webhook, .. } => vec![Channel::Webhook(*webhook)],
            Kind::WaitForEvent { event, .. } => {
                vec![Channel::Result(number), Channel::Event(event.clone())]
            }
            Kind::Call { .. }
            | Kind::Notify { .. }
            | Kind::StartRun { .. }
            | Kind::WaitForRun { .. }
            | Kind::CancelRun { .. } => vec![Channel::Result(number)],
            Kind::WaitForCancel { .. } => vec![Channel::Cancel],
            _ => Vec::new(),
        }
    }
}

/// When a wait was made and when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The time of the activation that made it.
    pub issued: Time,
    /// The first instant that is too late.
    pub deadline: Option<Time>,
}

impl Waiting {
    /// Returns true if this wait may have an item accepted at this time: its deadline is later, or the item was there
    /// when the wait was made (which is what a timeout of 0 asks for).
    #[must_use]
    pub fn takes(&self, accepted: Time) -> bool {
        accepted <= self.issued || self.deadline.is_none_or(|deadline| accepted < deadline)
    }
}
