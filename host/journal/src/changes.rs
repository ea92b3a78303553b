//! The changes that an activation makes to its run's operations and webhooks.
//!
//! They are defined only here. [`Frontier`](crate::Frontier) applies these changes to the open operations in memory,
//! and the store writes them into its rows.

use crate::{Activation, Kind, Open, OperationNumber, WebhookNumber, WebhookOptions};

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
        let made = (first.0..).zip(performed).flat_map(|(number, operation)| {
            let mut changes = Vec::new();
            match &operation.kind {
                Kind::CreateWebhook {
                    webhook, options, ..
                } => changes.push(Change::WebhookCreated {
                    webhook: *webhook,
                    step: &operation.step,
                    options,
                }),
                Kind::CloseWebhook { webhook } => changes.push(Change::WebhookClosed(*webhook)),
                Kind::Abandon {
                    operations,
                    dropped,
                } => changes.extend(operations.iter().map(|operation| match dropped {
                    true => Change::Closed(*operation),
                    false => Change::Abandoned(*operation),
                })),
                kind if kind.completes() => {
                    let open = Open {
                        step: operation.step.clone(),
                        kind: kind.clone(),
                        issued: self.time,
                        abandoned: false,
                    };
                    changes.push(Change::Opened(OperationNumber(number), Box::new(open)));
                }
                _ => {}
            }
            changes
        });
        closed.into_iter().chain(made)
    }
}
