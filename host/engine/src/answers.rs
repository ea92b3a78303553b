//! The deliveries that still wait for the workflow's answer.
//!
//! They follow from what the guest was given and what it did, so a replay has the same result.

use std::collections::{BTreeMap, BTreeSet};

use dormouse_journal::{KeptWebhook, WebhookNumber};

use crate::settings::shown;
use crate::stop::Stop;

/// The deliveries of a run that the workflow answers.
#[derive(Default)]
pub(crate) struct Answers {
    /// The webhooks whose callers the workflow answers.
    webhooks: BTreeSet<WebhookNumber>,
    /// The deliveries of these webhooks. True if the delivery was answered.
    deliveries: BTreeMap<String, bool>,
}

impl Answers {
    /// Creates the state of a generation that took over these webhooks.
    pub(crate) fn of(kept: &[KeptWebhook]) -> Self {
        let kept = kept.iter().filter(|webhook| webhook.takes_answers);
        Answers {
            webhooks: kept.map(|webhook| webhook.number).collect(),
            deliveries: BTreeMap::new(),
        }
    }

    /// Adds a webhook whose callers the workflow answers.
    pub(crate) fn expect(&mut self, webhook: WebhookNumber) {
        self.webhooks.insert(webhook);
    }

    /// Adds a delivery that the guest got, if its caller waits for an answer.
    pub(crate) fn delivered(&mut self, webhook: WebhookNumber, delivery: &str) {
        if self.webhooks.contains(&webhook) {
            self.deliveries.insert(delivery.to_owned(), false);
        }
    }

    /// Returns the number of deliveries that are remembered. The number never decreases.
    pub(crate) fn remembered(&self) -> usize {
        self.deliveries.len()
    }

    /// Stops a guest that answers a delivery which does not wait for an answer.
    pub(crate) fn check(&self, delivery: &str) -> Result<(), Stop> {
        match self.deliveries.get(delivery) {
            Some(false) => Ok(()),
            Some(true) => Err(Stop::Misuse(format!(
                "`respond` was called twice for the delivery {}; a caller gets one answer, so answer each delivery once",
                shown(delivery)
            ))),
            None => Err(Stop::Misuse(format!(
                "`respond` was called for the delivery {}, which takes no answer: this run was not given it, or was given it \
                 before it continued as new, or its webhook does not reply `from-workflow`, so that its caller was answered when it called",
                shown(delivery)
            ))),
        }
    }

    /// Marks a delivery as answered.
    pub(crate) fn answered(&mut self, delivery: &str) {
        if let Some(answered) = self.deliveries.get_mut(delivery) {
            *answered = true;
        }
    }
}
