//! The changes that an activation makes to its run's operations and webhooks.
//!
//! They are defined only here. [`Frontier`](crate::Frontier) applies these changes to the open operations in memory,
//! and the store writes them into its rows.

use crate::{
    Activation, Kind, Open, Operation, OperationNumber, Time, WebhookNumber, WebhookOptions,
};

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change<'a> {
    /// The operation has completed, or the guest dropped its future. It waits no more, and no result comes back.
    Closed(OperationNumber),
    /// `abandon` gave the operation up. It waits for nothing more, and completes next.
    Abandoned(OperationNumber),
    /// The operation was made and waits for its completion.
    Opened(OperationNumber, Box<Open>),
    /// The webhook was created.
    WebhookCreated {
        /// The number of the webhook.
        webhook: WebhookNumber,
        /// The name that the author gave the webhook.
        step: &'a str,
        /// How the webhook handles requests.
        options: &'a WebhookOptions,
    },
    /// The webhook takes no more requests.
    WebhookClosed(WebhookNumber),
}

impl Activation {
    /// Returns the changes in the order in which they happen. `first` is the number of the first operation of the
    /// activation.
    ///
    /// The operations of an activation in which the run ended are in the journal but are never performed, so they
    /// change nothing.
    pub fn changes(&self, first: OperationNumber) -> impl Iterator<Item = Change<'_>> {
        let completed = self.completion.as_ref();
        let closed = completed.map(|completion| Change::Closed(completion.operation));
        let performed = match self.end {
            None => self.operations.as_slice(),
            Some(_) => &[],
        };
        let made = (first.0..)
            .zip(performed)
            .flat_map(|(number, operation)| operation.changes(OperationNumber(number), self.time));
        closed.into_iter().chain(made)
    }
}

impl Operation {
    /// Returns the changes that this operation makes. `number` is its number, and `time` is that of its activation.
    #[must_use]
    pub fn changes(&self, number: OperationNumber, time: Time) -> Vec<Change<'_>> {
        match &self.kind {
            Kind::CreateWebhook {
                webhook, options, ..
            } => vec![Change::WebhookCreated {
                webhook: *webhook,
                step: &self.step,
                options,
            }],
            Kind::CloseWebhook { webhook } => vec![Change::WebhookClosed(*webhook)],
            Kind::Abandon {
                operations,
                dropped,
            } => {
                let given_up = operations.iter().map(|operation| match dropped {
                    true => Change::Closed(*operation),
                    false => Change::Abandoned(*operation),
                });
                given_up.collect()
            }
            kind if kind.completes() => {
                let open = Open {
                    step: self.step.clone(),
                    kind: kind.clone(),
                    issued: time,
                    abandoned: false,
                };
                vec![Change::Opened(number, Box::new(open))]
            }
            _ => Vec::new(),
        }
    }
}
