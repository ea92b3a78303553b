//! How fast webhooks may be called: one limit for each of them, and one for all together.
//!
//! The algorithm is the generic cell rate algorithm (ITU-T I.371, annex A): for each key one number is kept, the time at
//! which its budget is whole again. An admitted request moves it on by the spacing of its rate, and one that would move
//! it further ahead than the burst is refused. So a refused request uses up nothing, and whoever waits as long as it was
//! told is admitted, if nobody else was in between.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use dormouse_journal::{RunId, Time, WebhookNumber};

/// Between looks for webhooks whose budget is whole again, which need no entry: as long as the longest burst lasts.
const SWEEP: u64 = SECOND;

/// Webhooks that have an entry at once, some 100 bytes each. When more than half of these are in use within a sweep, all
/// are forgotten: each begins anew with a whole budget, and only the host's limit holds for a moment.
const MOST: usize = 65_536;

const SECOND: u64 = 1_000;

/// So many requests a second, and as many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(NonZeroU32);

/// A request that came too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Which of the limits it met.
    pub scope: Scope,
    /// After how many milliseconds the same request would be admitted.
    pub retry_after_ms: u64,
}

/// What a limit holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One webhook.
    Webhook,
    /// All webhooks of the host together.
    Host,
}

/// The limits on rates, and how much of each is used.
#[derive(Debug)]
pub(crate) struct Rates {
    per_webhook: Option<Rate>,
    per_host: Option<Rate>,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    webhooks: HashMap<(RunId, WebhookNumber), Whole>,
    host: Whole,
    swept: Time,
}

impl Rate {
    /// So many requests a second. None for 0, which in a setting is no limit.
    #[must_use]
    pub(crate) fn per_second(requests: u32) -> Option<Self> {
        NonZeroU32::new(requests).map(Rate)
    }
}

impl Rates {
    /// Limits of which nothing is used.
    #[must_use]
    pub(crate) fn new(per_webhook: Option<Rate>, per_host: Option<Rate>) -> Self {
        Rates {
            per_webhook,
            per_host,
            used: Mutex::default(),
        }
    }

    /// Admits a request, or says when to try again.
    ///
    /// # Errors
    /// When it came too fast. It uses up nothing then, of either limit.
    pub(crate) fn admit(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        now: Time,
    ) -> Result<(), Exceeded> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (run, webhook);
        let of_webhook = used.webhooks.get(&key).copied().unwrap_or_default();
        let of_webhook = take(Scope::Webhook, self.per_webhook, of_webhook, now)?;
        let of_host = take(Scope::Host, self.per_host, used.host, now)?;
        if let Some(whole) = of_host {
            used.host = whole;
        }
        if let (Some(whole), Some(rate)) = (of_webhook, self.per_webhook) {
            used.make_room(rate, now);
            used.webhooks.insert(key, whole);
        }
        Ok(())
    }
}

/// What of a limit is used after one more request. None if there is no limit.
fn take(
    scope: Scope,
    rate: Option<Rate>,
    whole: Whole,
    now: Time,
) -> Result<Option<Whole>, Exceeded> {
    let taken = rate.map(|rate| whole.take(rate, now)).transpose();
    taken.map_err(|retry_after_ms| Exceeded {
        scope,
        retry_after_ms,
    })
}

impl Used {
    fn make_room(&mut self, rate: Rate, now: Time) {
        let since = now.0.checked_sub(self.swept.0);
        // Without a difference the clock was set back, and nothing is known of the time since.
        let is_due = since.is_none_or(|since| since >= SWEEP);
        if !is_due && self.webhooks.len() < MOST {
            return;
        }
        self.webhooks.retain(|_, whole| !whole.is_past(rate, now));
        if self.webhooks.len() > MOST / 2 {
            self.webhooks.clear();
        }
        self.webhooks.shrink_to(MOST / 64);
        self.swept = now;
    }
}

/// The time at which a budget is whole again, in parts of a millisecond: as many to one as the rate has requests a
/// second, so that the spacing of requests is a whole number of them, whatever the rate.
#[derive(Debug, Clone, Copy, Default)]
struct Whole(u128);

impl Whole {
    /// The same after one more request; else after how many milliseconds there can be one.
    fn take(self, rate: Rate, now: Time) -> Result<Self, u64> {
        let rate = u128::from(rate.0.get());
        let now = u128::from(now.0) * rate;
        let (spacing, burst) = (u128::from(SECOND), u128::from(SECOND) * rate);
        // A time later than any that can come of a burst is one of a clock that was set back since.
        let from = if self.0 > now + burst {
            now
        } else {
            self.0.max(now)
        };
        let ahead = from + spacing - now;
        if ahead <= burst {
            return Ok(Whole(from + spacing));
        }
        Err(u64::try_from((ahead - burst).div_ceil(rate)).unwrap_or(u64::MAX))
    }

    /// Whether it makes no difference any more.
    fn is_past(self, rate: Rate, now: Time) -> bool {
        let rate = u128::from(rate.0.get());
        let now = u128::from(now.0) * rate;
        self.0 <= now || self.0 > now + u128::from(SECOND) * rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn rates(per_webhook: u32, per_host: u32) -> Rates {
        Rates::new(Rate::per_second(per_webhook), Rate::per_second(per_host))
    }

    /// Calls a webhook so many milliseconds after the start.
    fn call(rates: &Rates, webhook: u32, after: u64) -> Result<(), Exceeded> {
        rates.admit(RunId([7; 16]), WebhookNumber(webhook), Time(NOW + after))
    }

    /// How many calls at one time are admitted.
    fn burst(rates: &Rates, webhook: u32, after: u64) -> usize {
        (0..10_000)
            .take_while(|_| call(rates, webhook, after).is_ok())
            .count()
    }

    fn exceeded(scope: Scope, retry_after_ms: u64) -> Result<(), Exceeded> {
        Err(Exceeded {
            scope,
            retry_after_ms,
        })
    }

    #[test]
    fn a_burst_is_what_one_second_allows() {
        for rate in [1, 3, 7, 1_000, 1_500] {
            assert_eq!(burst(&rates(rate, 0), 0, 0), rate as usize);
        }
    }

    #[test]
    fn a_used_budget_fills_up_with_time() {
        let rates = rates(10, 0);
        assert_eq!(burst(&rates, 0, 0), 10);
        assert_eq!(burst(&rates, 0, 99), 0);
        assert_eq!(burst(&rates, 0, 100), 1);
        assert_eq!(burst(&rates, 0, 450), 3);
        assert_eq!(burst(&rates, 0, 1_400), 10);
        assert_eq!(burst(&rates, 0, 1_000_000), 10, "and no further");
    }

    #[test]
    fn who_waits_as_told_is_admitted_and_not_a_moment_earlier() {
        for rate in [1, 3, 7, 999, 1_000, 1_500] {
            let rates = rates(rate, 0);
            burst(&rates, 0, 0);
            let refused = call(&rates, 0, 0).unwrap_err();
            assert_eq!(refused.scope, Scope::Webhook);
            let expected = 1_000_u64.div_ceil(u64::from(rate));
            assert_eq!(refused.retry_after_ms, expected, "{rate} a second");
            assert!(call(&rates, 0, expected - 1).is_err(), "{rate} a second");
            assert!(call(&rates, 0, expected).is_ok(), "{rate} a second");
        }
    }

    #[test]
    fn spacing_finer_than_a_millisecond_is_exact() {
        let rates = rates(1_500, 0);
        burst(&rates, 0, 0);
        let admitted: usize = (1..=2_000).map(|after| burst(&rates, 0, after)).sum();
        assert_eq!(admitted, 3_000);
    }

    #[test]
    fn a_refused_request_uses_up_nothing_of_either_limit() {
        let rates = rates(2, 3);
        assert_eq!(burst(&rates, 0, 0), 2);
        for _ in 0..100 {
            assert_eq!(call(&rates, 0, 0), exceeded(Scope::Webhook, 500));
        }
        assert_eq!(burst(&rates, 1, 0), 1, "what the first left of the host's");
        for _ in 0..100 {
            assert_eq!(call(&rates, 2, 0), exceeded(Scope::Host, 334));
        }
        assert_eq!(burst(&rates, 2, 1_000), 2, "its own is whole");
    }

    #[test]
    fn webhooks_are_limited_one_by_one() {
        let rates = rates(2, 0);
        assert_eq!((burst(&rates, 0, 0), burst(&rates, 1, 0)), (2, 2));
        let of_another_run = rates.admit(RunId([8; 16]), WebhookNumber(0), Time(NOW));
        assert_eq!(of_another_run, Ok(()));
    }

    #[test]
    fn without_limits_everything_is_admitted_and_nothing_kept() {
        let rates = rates(0, 0);
        assert_eq!(burst(&rates, 0, 0), 10_000);
        assert!(rates.used.lock().unwrap().webhooks.is_empty());
    }

    #[test]
    fn webhooks_that_are_not_called_are_forgotten() {
        let rates = rates(10, 0);
        for webhook in 0..1_000 {
            call(&rates, webhook, 0).unwrap();
        }
        burst(&rates, 7, 999);
        call(&rates, 0, 1_000).unwrap();
        let used = rates.used.lock().unwrap();
        let mut kept: Vec<u32> = used.webhooks.keys().map(|(_, webhook)| webhook.0).collect();
        kept.sort_unstable();
        assert_eq!(kept, [0, 7], "only those with less than a whole budget");
    }

    #[test]
    fn a_flood_over_many_webhooks_stays_bounded() {
        let rates = rates(1, 0);
        let most = u32::try_from(MOST).unwrap();
        for webhook in 0..3 * most {
            call(&rates, webhook, 0).unwrap();
            assert!(rates.used.lock().unwrap().webhooks.len() <= MOST);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        let rates = rates(2, 0);
        assert_eq!(burst(&rates, 0, 3_600_000), 2);
        assert_eq!(burst(&rates, 0, 0), 2);
        assert_eq!(call(&rates, 0, 0), exceeded(Scope::Webhook, 500));
    }

    #[test]
    fn the_ends_of_time_and_of_rates_are_no_panic() {
        let rates = rates(u32::MAX, u32::MAX);
        for now in [0, 1, u64::MAX] {
            assert!(
                rates
                    .admit(RunId([7; 16]), WebhookNumber(0), Time(now))
                    .is_ok()
            );
        }
    }
}
