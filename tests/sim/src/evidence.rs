//! The results of a simulation for the checks: the content of the store for each run, and the host's answers.

use std::collections::BTreeSet;

use dormouse_journal::{
    Activation, Channel, Delivery, End, Kind, OperationNumber, Outcome, Request, RunId, Status,
    Time, WebhookNumber,
};
use dormouse_store::ReadError;

use crate::Reading;
use crate::case::{EVENT, WEBHOOKS};
use crate::history::{History, Post, PostAnswer};

/// The results of a whole simulation.
pub(crate) struct Evidence<'e> {
    pub(crate) reading: &'e Reading,
    pub(crate) runs: &'e [RunId],
    pub(crate) history: &'e History,
    /// The calls that the host sent, each with its time.
    pub(crate) sent: &'e [(u64, Request)],
    /// True if the power was ever lost.
    pub(crate) disturbed: bool,
}

/// The results for one run.
pub(crate) struct RunEvidence<'e> {
    pub(crate) all: &'e Evidence<'e>,
    pub(crate) number: usize,
    pub(crate) journal: Vec<Activation>,
    /// The requests that are still in the inboxes.
    pub(crate) left: Vec<Vec<Delivery>>,
    /// The events that are still in the mailbox.
    pub(crate) mail: Vec<String>,
    pub(crate) status: Status,
    pub(crate) untaken: u64,
}

impl<'e> RunEvidence<'e> {
    /// Reads the content of the store for one run.
    pub(crate) fn read(all: &'e Evidence<'e>, number: usize) -> Result<Self, ReadError> {
        let (run, reading) = (all.runs[number], all.reading);
        let state = reading.state(run)?;
        let journal = reading.journal(run)?;
        let mut left = Vec::new();
        for webhook in 0..WEBHOOKS.len() {
            let channel = Channel::Webhook(webhook_number(webhook));
            let outcomes = reading.channel_items(run, channel)?.into_iter();
            left.push(
                outcomes
                    .filter_map(|outcome| match outcome {
                        Outcome::Delivery(delivery) => delivery,
                        _ => None,
                    })
                    .collect(),
            );
        }
        let mail = reading.channel_items(run, Channel::Event(EVENT.into()))?;
        let mut mail: Vec<String> = mail.iter().filter_map(event_body).collect();
        forget_taken(&journal, &mut left, &mut mail);
        Ok(RunEvidence {
            all,
            number,
            journal,
            left,
            mail,
            status: state.as_ref().map_or(Status::Pending, |state| state.status),
            untaken: state.map_or(0, |state| state.untaken),
        })
    }

    /// Returns true if an operator has tried to retry the run or to take it back.
    pub(crate) fn is_repaired(&self) -> bool {
        self.all.history.repaired.contains(&self.number)
    }

    /// Returns true if an operator has tried to cancel the run.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.all.history.cancelled.contains(&self.number)
    }

    /// Returns the requests that a webhook accepted: those that were delivered, in that order, and then those in the
    /// inbox.
    pub(crate) fn accepted(&self, webhook: usize) -> impl Iterator<Item = &Delivery> {
        let waits: BTreeSet<OperationNumber> = self
            .operations()
            .filter(|(_, kind)| {
                matches!(kind, Kind::WaitForWebhook { webhook: of, .. } if *of == webhook_number(webhook))
            })
            .map(|(number, _)| number)
            .collect();
        let delivered = self.journal.iter().filter_map(move |activation| {
            match activation.completion.as_ref() {
                Some(completion) if waits.contains(&completion.operation) => {
                    match &completion.outcome {
                        Outcome::Delivery(delivery) => delivery.as_ref(),
                        _ => None,
                    }
                }
                _ => None,
            }
        });
        delivered.chain(&self.left[webhook])
    }

    /// Returns the operations that the run has made.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (OperationNumber, &Kind)> {
        let operations = self
            .journal
            .iter()
            .flat_map(|activation| &activation.operations);
        (0..)
            .map(OperationNumber)
            .zip(operations.map(|operation| &operation.kind))
    }

    /// Returns the time at which an operation was made, and the time at which it completed.
    pub(crate) fn span(&self, number: OperationNumber) -> Option<(Time, Time)> {
        let mut made = 0;
        let maker = self.journal.iter().find(|activation| {
            made += activation.operations.len();
            (number.0 as usize) < made
        })?;
        let ending = self.journal.iter().find(|activation| {
            let completion = activation.completion.as_ref();
            completion.is_some_and(|completion| completion.operation == number)
        })?;
        Some((maker.time, ending.time))
    }

    /// Returns true if the network may not see a call: the activation that made the call also gave it up, or was the
    /// last one.
    pub(crate) fn is_never_sent(&self, number: OperationNumber) -> bool {
        let mut made = 0;
        let maker = self.journal.iter().find(|activation| {
            made += activation.operations.len();
            (number.0 as usize) < made
        });
        maker.is_some_and(|maker| {
            let given_up = maker.operations.iter().any(|operation| {
                matches!(&operation.kind, Kind::Abandon { operations, .. } if operations.contains(&number))
            });
            given_up || maker.end.is_some()
        })
    }

    /// Returns the answers to requests to a webhook.
    pub(crate) fn heard(&self, webhook: usize) -> Vec<(&'e Post, &'e PostAnswer)> {
        let history = self.all.history;
        let heard = history
            .heard
            .iter()
            .map(|heard| (&history.posts[heard.post], heard));
        heard
            .filter(|(post, _)| post.run == self.number && post.webhook == webhook)
            .collect()
    }

    /// Returns the journal as a text for people.
    pub(crate) fn told(&self) -> String {
        let mut lines = Vec::new();
        let mut made = 0;
        for (number, activation) in self.journal.iter().enumerate() {
            let completion = activation.completion.as_ref();
            let completion = completion.map(|completion| {
                let mut outcome = format!("{:?}", completion.outcome);
                outcome.truncate(140);
                format!("{} = {outcome}", completion.operation)
            });
            lines.push(format!(
                "  {number}: at {} {}",
                activation.time.0,
                completion.unwrap_or_default()
            ));
            for operation in &activation.operations {
                lines.push(format!("     makes {made}: {operation}"));
                made += 1;
            }
        }
        lines.join("\n")
    }
}

/// Removes the completion of the failed activation from the channels. The store keeps it there, so that a retry can
/// give it again, but in the journal it was taken.
fn forget_taken(journal: &[Activation], left: &mut [Vec<Delivery>], mail: &mut Vec<String>) {
    let last = journal.last();
    let failed = last.filter(|last| matches!(last.end, Some(End::Failed { .. })));
    let Some(completion) = failed.and_then(|failed| failed.completion.as_ref()) else {
        return;
    };
    if let Outcome::Delivery(Some(given)) = &completion.outcome {
        for inbox in left {
            inbox.retain(|delivery| delivery.id != given.id);
        }
    }
    let event = event_body(&completion.outcome);
    if event.is_some() && mail.first() == event.as_ref() {
        mail.remove(0);
    }
}

/// Returns the number of a webhook by its index in the script.
pub(crate) fn webhook_number(index: usize) -> WebhookNumber {
    WebhookNumber(u32::try_from(index).unwrap_or(u32::MAX))
}

/// Returns the text of an event.
pub(crate) fn event_body(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Event(Some(payload)) => Some(String::from_utf8_lossy(&payload.body).into_owned()),
        _ => None,
    }
}
