//! What an activation changes about its run's operations and webhooks.
//!
//! This is the one place that says so. [`Frontier`](crate::Frontier) folds these changes into what a run in memory waits
//! for, and the store writes them into its rows.

use crate::{Activation, Kind, Open, OperationNumber, WebhookNumber, WebhookOptions};

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change<'a> {
    /// The operation has completed, or the guest dropped its future: it waits no more and nothing comes back of it.
    Closed(OperationNumber),
    /// `abandon` gave the operation up: it waits for nothing more, and completes next.
    Abandoned(OperationNumber),
    /// The operation was made and waits for its completion.
    Opened(OperationNumber, Box<Open>),
    /// The webhook was created.
    WebhookCreated {
        /// Its number.
        webhook: WebhookNumber,
        /// The author's name for it.
        step: &'a str,
        /// How it treats what is sent to it.
        options: &'a WebhookOptions,
    },
    /// The webhook takes no more requests.
    WebhookClosed(WebhookNumber),
}

impl Activation {
    /// Returns the changes in the order in which they happen. `first` is the number of the first operation made.
    ///
    /// The operations of an activation in which the run ended are shown in the journal and never performed, so they
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
