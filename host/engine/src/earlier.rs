//! The numbers of webhooks: those that the run has created, and those that it had before it was taken back.

use std::collections::{BTreeSet, VecDeque};

use dormouse_journal::{WebhookNumber, WebhookOptions};

/// The webhooks that a run had before it was taken back, and has not created again.
#[derive(Debug, Clone, Default)]
pub struct EarlierWebhooks {
    /// The open webhooks, in the order of their numbers. Webhooks that are in the journal are skipped.
    pub open: VecDeque<EarlierWebhook>,
    /// The first number that was never used.
    pub next: WebhookNumber,
}

/// A webhook that a run had before it was taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlierWebhook {
    /// The number of the webhook.
    pub number: WebhookNumber,
    /// The step name that the author gave the webhook.
    pub step: String,
    /// How the webhook handles requests.
    pub options: WebhookOptions,
}

/// The webhooks that a run has created in its generation.
#[derive(Debug)]
pub(crate) struct Numbers {
    created: BTreeSet<WebhookNumber>,
    earlier: EarlierWebhooks,
    /// The webhooks whose places were taken by others in the open activation.
    pub(crate) replaced: Vec<WebhookNumber>,
}

impl Numbers {
    /// Creates the numbers of a generation whose first webhook has the number `first`.
    pub(crate) fn new(first: WebhookNumber, mut earlier: EarlierWebhooks) -> Self {
        earlier.next = earlier.next.max(first);
        Numbers {
            created: BTreeSet::new(),
            earlier,
            replaced: Vec::new(),
        }
    }

    /// Returns the number of a webhook that is created now: the number that it had, if it was created with the same
    /// step and options in the same place, otherwise a new one.
    pub(crate) fn next(&self, step: &str, options: &WebhookOptions) -> WebhookNumber {
        match self.earlier.open.front() {
            Some(first) if first.step == step && first.options == *options => first.number,
            _ => self.earlier.next,
        }
    }

    /// Notes that a webhook was created. A new one takes the place of the first one that the run had.
    pub(crate) fn create(&mut self, number: WebhookNumber, is_new: bool) {
        self.created.insert(number);
        self.earlier.next = self.earlier.next.max(WebhookNumber(number.0 + 1));
        let open = &mut self.earlier.open;
        if let Some(at) = open.iter().position(|known| known.number == number) {
            open.remove(at);
        } else if is_new && let Some(replaced) = open.pop_front() {
            self.replaced.push(replaced.number);
        }
    }

    /// Returns the first number that was never used.
    pub(crate) fn unused(&self) -> WebhookNumber {
        self.earlier.next
    }

    pub(crate) fn has(&self, number: WebhookNumber) -> bool {
        self.created.contains(&number)
    }

    /// Returns the number of webhooks that were created, and the number of others that the run still has.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.created.len(), self.earlier.open.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earlier(webhooks: &[(u32, &str)], next: u32) -> Numbers {
        let open = webhooks.iter().map(|(number, step)| EarlierWebhook {
            number: WebhookNumber(*number),
            step: (*step).to_owned(),
            options: WebhookOptions::default(),
        });
        let earlier = EarlierWebhooks {
            open: open.collect(),
            next: WebhookNumber(next),
        };
        Numbers::new(WebhookNumber(0), earlier)
    }

    fn create(numbers: &mut Numbers, step: &str) -> u32 {
        let number = numbers.next(step, &WebhookOptions::default());
        numbers.create(number, true);
        number.0
    }

    #[test]
    fn numbers_go_up_from_the_first() {
        let mut numbers = Numbers::new(WebhookNumber(3), EarlierWebhooks::default());
        assert_eq!(
            [3, 4],
            [create(&mut numbers, "a"), create(&mut numbers, "a")]
        );
        assert!(numbers.has(WebhookNumber(4)) && !numbers.has(WebhookNumber(2)));
    }

    #[test]
    fn a_webhook_created_again_in_its_place_keeps_its_number_and_another_replaces_it() {
        let mut numbers = earlier(&[(0, "kept"), (1, "a"), (2, "b"), (3, "c")], 4);
        // The journal has the webhook 0.
        numbers.create(WebhookNumber(0), false);
        assert_eq!(create(&mut numbers, "a"), 1);
        assert_eq!(create(&mut numbers, "new"), 4);
        assert_eq!(numbers.replaced, [WebhookNumber(2)]);
        assert_eq!(create(&mut numbers, "c"), 3);
        assert_eq!(create(&mut numbers, "d"), 5);
        assert_eq!(numbers.replaced, [WebhookNumber(2)]);
    }
}
