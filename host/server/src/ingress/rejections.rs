//! What webhooks refused, for whoever asks why a provider's requests do not arrive.
//!
//! A refused request leaves nothing in the store, so that refusing costs no disk; it is counted here, from the start of
//! the host on. Only requests with a genuine token are counted, so that nobody fills this by inventing tokens, and not
//! those whose webhook is gone, which nobody would look for. Its size is bounded all the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_journal::{RunId, Time, WebhookNumber};

/// Webhooks whose refusals are known. Each takes some hundred bytes. A host has more webhooks than this only where most
/// of them work.
const MOST: usize = 10_000;

/// What webhooks refused since the host started. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Rejections(Arc<Mutex<Counts>>);

/// What one webhook refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejected {
    /// How many requests, by the code of the problem.
    pub reasons: BTreeMap<&'static str, u64>,
    /// When the last one came.
    pub last: Option<Time>,
}

type Key = (RunId, WebhookNumber);

#[derive(Debug, Default)]
struct Counts {
    /// Each with its place in `order`.
    webhooks: HashMap<Key, (u64, Rejected)>,
    /// The webhook whose last refusal is longest ago comes first. Times may be equal, places are not.
    order: BTreeMap<u64, Key>,
    next_place: u64,
}

impl Rejections {
    /// A request was refused for this reason.
    pub fn count(&self, run: RunId, webhook: WebhookNumber, reason: &'static str, now: Time) {
        self.lock().count((run, webhook), reason, now, MOST);
    }

    /// What a webhook refused.
    #[must_use]
    pub fn of(&self, run: RunId, webhook: WebhookNumber) -> Rejected {
        let counts = self.lock();
        let counted = counts.webhooks.get(&(run, webhook));
        counted
            .map(|(_, rejected)| rejected.clone())
            .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn count(&mut self, key: Key, reason: &'static str, now: Time, most: usize) {
        let place = self.next_place;
        self.next_place += 1;
        let new = || (place, Rejected::default());
        let (last_place, rejected) = self.webhooks.entry(key).or_insert_with(new);
        *rejected.reasons.entry(reason).or_default() += 1;
        rejected.last = Some(now);
        self.order.remove(last_place);
        *last_place = place;
        self.order.insert(place, key);
        if self.order.len() > most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.webhooks.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: RunId = RunId([1; 16]);

    fn rejected(reasons: &[(&'static str, u64)], last: u64) -> Rejected {
        Rejected {
            reasons: reasons.iter().copied().collect(),
            last: Some(Time(last)),
        }
    }

    #[test]
    fn each_webhook_is_counted_by_reason() {
        let rejections = Rejections::default();
        let (one, other) = (WebhookNumber(0), WebhookNumber(1));
        rejections.count(RUN, one, "too-fast", Time(5));
        let clone = rejections.clone();
        clone.count(RUN, one, "signature-wrong", Time(6));
        rejections.count(RUN, one, "too-fast", Time(7));
        rejections.count(RUN, other, "too-fast", Time(8));
        let expected = rejected(&[("signature-wrong", 1), ("too-fast", 2)], 7);
        assert_eq!(rejections.of(RUN, one), expected);
        assert_eq!(rejections.of(RUN, other), rejected(&[("too-fast", 1)], 8));
        assert_eq!(rejections.of(RunId([2; 16]), one), Rejected::default());
    }

    #[test]
    fn those_whose_last_refusal_is_longest_ago_go_first() {
        let mut counts = Counts::default();
        let key = |number| (RUN, WebhookNumber(number));
        // The clock stands still, and the order is kept.
        let mut count = |number| counts.count(key(number), "too-fast", Time(5), 3);
        [0, 1, 2, 3, 1, 4].into_iter().for_each(&mut count);
        let mut left: Vec<u32> = counts.webhooks.keys().map(|(_, number)| number.0).collect();
        left.sort_unstable();
        assert_eq!(left, [1, 3, 4]);
        assert_eq!(counts.webhooks[&key(1)].1, rejected(&[("too-fast", 2)], 5));
        assert_eq!(counts.order.len(), 3);
    }
}
