//! Counts the requests that webhooks and triggers refused, for operators who ask why a provider's requests do not
//! arrive.
//!
//! A refused request leaves nothing in the store, so that a refusal costs no disk. It is counted here since the start
//! of the host. Only requests with a genuine token are counted, so that invented tokens cannot fill the memory.
//! Requests to a webhook that is gone are not counted, because nobody would look at them. The size is bounded in any
//! case.
//!
//! The log has a few lines a minute for each reason. Each line names a request, and the number of requests that were
//! refused since the line before. So a flood is visible and does not fill the disk.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dormouse_journal::{RunId, Time, TriggerId, WebhookNumber};
use http::StatusCode;
use tokio::time::Instant;

use crate::problem::Problem;

/// The time in which log lines about one reason are counted.
const LOG_WINDOW: Duration = Duration::from_secs(60);

/// The largest number of log lines in that time: enough for somebody who experiments, and little for a disk.
const LOG_LINES: u32 = 20;

/// The largest number of webhooks with counts. Each takes some hundred bytes. A host that has more webhooks than this
/// refuses few requests at most of them.
const MOST: usize = 10_000;

/// The refused requests since the host started. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Rejections(Arc<Mutex<Counts>>);

/// The requests that one webhook refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejected {
    /// The number of requests, by the code of the problem.
    pub reasons: BTreeMap<&'static str, u64>,
    /// The time of the last request.
    pub last: Option<Time>,
}

/// The webhook or trigger that refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A webhook of a run.
    Webhook(RunId, WebhookNumber),
    /// A trigger.
    Trigger(TriggerId),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Webhook(run, webhook) => write!(f, "webhook {} of run {run}", webhook.0),
            Source::Trigger(trigger) => write!(f, "trigger {trigger}"),
        }
    }
}

type Key = Source;

#[derive(Debug, Default)]
struct Counts {
    /// The counts, each with its place in `order`.
    sources: HashMap<Key, (u64, Rejected)>,
    /// The webhook whose last refusal is the oldest comes first. Times may be equal, but places are not.
    order: BTreeMap<u64, Key>,
    next_place: u64,
    /// The log state of each reason. A reason is the code of a problem, and there are some dozens of codes.
    logged: HashMap<&'static str, Logged>,
}

/// The log state of one reason.
#[derive(Debug)]
struct Logged {
    /// When counting the lines began.
    since: Instant,
    /// The number of lines since then.
    lines: u32,
    /// The number of requests refused since the last line.
    refused: u64,
}

impl Rejections {
    /// Counts a request that was refused, from a client at this address if it is known.
    pub fn count(&self, source: Source, client: Option<IpAddr>, problem: &Problem, now: Time) {
        let reason = problem.code();
        let mut counts = self.lock();
        // A webhook that is gone is not shown any more, so nobody would see its count. An old URL of a trigger is
        // shown.
        let is_gone = matches!(problem.status(), StatusCode::GONE | StatusCode::NOT_FOUND);
        if !is_gone || matches!(source, Source::Trigger(_)) {
            counts.count(source, reason, now, MOST);
        }
        let refused = counts.log_now(reason, Instant::now());
        drop(counts);
        let client = client.map(tracing::field::display);
        match (source, refused) {
            (Source::Webhook(run, webhook), Some(refused)) => tracing::info!(
                %run, webhook = webhook.0, client, reason, refused, "a request to a webhook was refused"
            ),
            (Source::Trigger(trigger), Some(refused)) => tracing::info!(
                %trigger, client, reason, refused, "a request to a trigger was refused"
            ),
            (source, None) => tracing::debug!(%source, client, reason, "a request was refused"),
        }
    }

    /// Returns the requests that a webhook or a trigger refused.
    #[must_use]
    pub fn of(&self, source: Source) -> Rejected {
        let counts = self.lock();
        let counted = counts.sources.get(&source);
        counted
            .map(|(_, rejected)| rejected.clone())
            .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Counts one more refusal for the log. If a line is to be logged, returns the number of refusals since the last
    /// line.
    fn log_now(&mut self, reason: &'static str, now: Instant) -> Option<u64> {
        let logged = self.logged.entry(reason).or_insert(Logged {
            since: now,
            lines: 0,
            refused: 0,
        });
        if now.duration_since(logged.since) >= LOG_WINDOW {
            (logged.since, logged.lines) = (now, 0);
        }
        logged.refused += 1;
        if logged.lines >= LOG_LINES {
            return None;
        }
        logged.lines += 1;
        Some(std::mem::take(&mut logged.refused))
    }

    fn count(&mut self, key: Key, reason: &'static str, now: Time, most: usize) {
        let place = self.next_place;
        self.next_place += 1;
        let new = || (place, Rejected::default());
        let (last_place, rejected) = self.sources.entry(key).or_insert_with(new);
        *rejected.reasons.entry(reason).or_default() += 1;
        rejected.last = Some(now);
        self.order.remove(last_place);
        *last_place = place;
        self.order.insert(place, key);
        if self.order.len() > most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.sources.remove(&oldest);
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
        let count = |rejections: &Rejections, webhook, status, reason, time| {
            let problem = Problem::new(status, reason, "");
            let source = Source::Webhook(RUN, webhook);
            rejections.count(source, None, &problem, Time(time));
        };
        let (fast, wrong) = (StatusCode::TOO_MANY_REQUESTS, StatusCode::UNAUTHORIZED);
        count(&rejections, one, fast, "too-fast", 5);
        count(&rejections, one, wrong, "signature-wrong", 6);
        count(&rejections, one, fast, "too-fast", 7);
        count(&rejections, other, fast, "too-fast", 8);
        count(&rejections, one, StatusCode::GONE, "webhook-gone", 9);
        let expected = rejected(&[("signature-wrong", 1), ("too-fast", 2)], 7);
        assert_eq!(rejections.of(Source::Webhook(RUN, one)), expected);
        assert_eq!(
            rejections.of(Source::Webhook(RUN, other)),
            rejected(&[("too-fast", 1)], 8)
        );
        assert_eq!(
            rejections.of(Source::Webhook(RunId([2; 16]), one)),
            Rejected::default()
        );
    }

    #[test]
    fn a_reason_is_logged_some_times_a_minute_with_its_count() {
        let mut counts = Counts::default();
        let start = Instant::now();
        let mut log = |reason, after| counts.log_now(reason, start + Duration::from_secs(after));
        for _ in 0..LOG_LINES {
            assert_eq!(log("too-fast", 0), Some(1));
        }
        for second in 0..59 {
            assert_eq!(log("too-fast", second), None);
        }
        assert_eq!(
            log("signature-wrong", 59),
            Some(1),
            "another reason is told"
        );
        assert_eq!(log("too-fast", 60), Some(60));
        assert_eq!(log("too-fast", 61), Some(1));
    }

    #[test]
    fn the_sources_refused_longest_ago_are_forgotten_first() {
        let mut counts = Counts::default();
        let key = |number| Source::Webhook(RUN, WebhookNumber(number));
        // The clock stands still, and the order is kept.
        let mut count = |number| counts.count(key(number), "too-fast", Time(5), 3);
        [0, 1, 2, 3, 1, 4].into_iter().for_each(&mut count);
        let mut left: Vec<u32> = counts
            .sources
            .keys()
            .map(|source| match source {
                Source::Webhook(_, number) => number.0,
                Source::Trigger(_) => u32::MAX,
            })
            .collect();
        left.sort_unstable();
        assert_eq!(left, [1, 3, 4]);
        assert_eq!(counts.sources[&key(1)].1, rejected(&[("too-fast", 2)], 5));
        assert_eq!(counts.order.len(), 3);
    }
}
