//! Which deliveries still wait for the workflow's answer.
//!
//! It follows from what the guest was given and did, so a replay arrives at the same.

use std::collections::{BTreeMap, BTreeSet};

use dormouse_journal::WebhookNumber;

use crate::failure::Stop;

/// The deliveries of a run that can be answered.
#[derive(Default)]
pub(crate) struct Answers {
    /// Webhooks whose callers the workflow answers.
    webhooks: BTreeSet<WebhookNumber>,
    /// Deliveries of theirs, and whether each was answered.
    deliveries: BTreeMap<String, bool>,
}

impl Answers {
    /// A webhook was created whose callers the workflow answers.
    pub(crate) fn expect(&mut self, webhook: WebhookNumber) {
        self.webhooks.insert(webhook);
    }

    /// The guest was given a delivery.
    pub(crate) fn delivered(&mut self, webhook: WebhookNumber, delivery: &str) {
        if self.webhooks.contains(&webhook) {
            self.deliveries.insert(delivery.to_owned(), false);
        }
    }

    /// How many deliveries are remembered. It grows for as long as the run does.
    pub(crate) fn remembered(&self) -> usize {
        self.deliveries.len()
    }

    /// Whether this delivery waits for an answer.
    pub(crate) fn check(&self, delivery: &str) -> Result<(), Stop> {
        match self.deliveries.get(delivery) {
            Some(false) => Ok(()),
            Some(true) => Err(Stop::Misuse(format!(
                "`respond` was called twice for the delivery {delivery:?}; a caller gets one answer, so answer each \
                 delivery once"
            ))),
            None => Err(Stop::Misuse(format!(
                "`respond` was called for the delivery {delivery:?}, which takes no answer: this run was not given it, \
                 or its webhook does not reply `from-workflow`, so that its caller was answered when it called"
            ))),
        }
    }

    /// The guest has answered this delivery.
    pub(crate) fn answered(&mut self, delivery: &str) {
        if let Some(answered) = self.deliveries.get_mut(delivery) {
            *answered = true;
        }
    }
}
