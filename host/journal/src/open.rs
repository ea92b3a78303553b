//! Operations that have not completed: what each waits for, and where its outcome may arrive.

use serde::{Deserialize, Serialize};

use crate::{Kind, OperationNumber, Time, WebhookNumber};

/// A place where something for a run arrives. New channels must be added at the end, because the order is the format.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Channel {
    /// A webhook's inbox.
    Webhook(WebhookNumber),
    /// The run's inbox for events of this name that are aimed at it.
    Event(String),
    /// The outcome of one operation: of a call, of a notify, of an order to another run, or an event to all that has
    /// reached the wait.
    Result(OperationNumber),
    /// A request to the run to cancel. It stays in the channel for every wait.
    Cancel,
}

/// The first item in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The place of the item in the channel.
    pub place: u64,
    /// When the host accepted the item.
    pub accepted: Time,
}

/// An operation that has not completed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The step name that the author gave the operation.
    pub step: String,
    /// What the operation is.
    pub kind: Kind,
    /// The time of the activation that made it.
    pub issued: Time,
    /// True if `abandon` gave the operation up, so that it completes next.
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
    /// The time of the activation that made the wait.
    pub issued: Time,
    /// The first time that is too late. None if the wait has no timeout.
    pub deadline: Option<Time>,
}

impl Waiting {
    /// Returns true if this wait may take an item that was accepted at this time: its deadline is later, or the item
    /// was there when the wait was made (a timeout of 0 asks for exactly that).
    #[must_use]
    pub fn takes(&self, accepted: Time) -> bool {
        accepted <= self.issued || self.deadline.is_none_or(|deadline| accepted < deadline)
    }
}
