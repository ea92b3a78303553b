//! The limits on calls of webhooks. There is a limit for each webhook, and one for all together. A webhook gets at most
//! a quarter of the host's rate, and all webhooks of a run get at most half. So no holder of a URL and no run uses up
//! the whole rate.
//!
//! The algorithm is the generic cell rate algorithm (ITU-T I.371, annex A). It keeps one number for each key: the time
//! at which the key's budget is whole again. An admitted request moves this time forward by the spacing of the rate. A
//! request that would move it further ahead than the burst is refused. So a refused request uses up nothing, and a
//! caller that waits as long as it was told is admitted, if no other request came in between.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use dormouse_journal::{RunId, Time, WebhookNumber};
use dormouse_limits::{HOST_RATE, Limit, WEBHOOK_RATE};

/// Milliseconds between sweeps, which remove the entries of webhooks whose budget is whole again: the length of the
/// longest burst.
const SWEEP: u64 = SECOND;

/// The largest number of entries for webhooks and runs, about 100 bytes each. If more than half of them are in use at a
/// sweep, all are removed. Then each key begins again with a whole budget, and for a moment only the host's limit
/// holds.
const MOST: usize = 65_536;

const SECOND: u64 = 1_000;

/// A number of requests a second, which is also the burst, and the setting that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rate {
    requests: NonZeroU32,
    setting: &'static Limit,
}

/// A request that came too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// The scope of the limit that was exceeded.
    pub scope: Scope,
    /// The setting that the limit comes from.
    pub setting: &'static Limit,
    /// The number of milliseconds after which the same request would be admitted.
    pub retry_after_ms: u64,
}

/// The scope of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One webhook.
    Webhook,
    /// All webhooks of one run together.
    Run,
    /// All webhooks of the host together.
    Host,
}

/// The limits on rates, and how much of each is used.
#[derive(Debug)]
pub(crate) struct Rates {
    per_webhook: Option<Rate>,
    per_run: Option<Rate>,
    per_host: Option<Rate>,
    used: Mutex<Usage>,
}

/// A webhook, or all webhooks of a run.
type Key = (RunId, Option<WebhookNumber>);

#[derive(Debug, Default)]
struct Usage {
    keys: HashMap<Key, FullAgainAt>,
    host: FullAgainAt,
    swept: Time,
}

impl Rate {
    /// Returns a rate of this many requests a second. None for 0, which means no limit in a setting.
    fn per_second(requests: u32, setting: &'static Limit) -> Option<Self> {
        let requests = NonZeroU32::new(requests)?;
        Some(Rate { requests, setting })
    }
}

impl Rates {
    /// Creates limits, with no requests counted yet. The arguments are requests a second to one webhook and to the
    /// host. 0 means no limit.
    pub(crate) fn new(webhook: u32, host: u32) -> Self {
        let share = |parts: u32| match host {
            0 => None,
            _ => Rate::per_second((host / parts).max(1), HOST_RATE),
        };
        let per_webhook = Rate::per_second(webhook, WEBHOOK_RATE).into_iter();
        Rates {
            per_webhook: per_webhook.chain(share(4)).min_by_key(|rate| rate.requests),
            per_run: share(2),
            per_host: Rate::per_second(host, HOST_RATE),
            used: Mutex::default(),
        }
    }

    /// Checks whether a request would be admitted. Uses up nothing.
    ///
    /// # Errors
    /// When it came too fast.
    pub(crate) fn look(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        now: Time,
    ) -> Result<(), Exceeded> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.take(&used, run, webhook, now).map(|_| ())
    }

    /// Admits a request, or returns when to try again.
    ///
    /// # Errors
    /// When the request came too fast. Then it uses up nothing of any limit.
    pub(crate) fn admit(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        now: Time,
    ) -> Result<(), Exceeded> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let LimitUse {
            of_webhook,
            of_run,
            of_host,
        } = self.take(&used, run, webhook, now)?;
        if of_webhook.is_some() || of_run.is_some() {
            self.make_room(&mut used, now);
        }
        used.host = of_host.unwrap_or(used.host);
        let used_by_webhook = of_webhook.map(|whole| ((run, Some(webhook)), whole));
        let used_by_run = of_run.map(|whole| ((run, None), whole));
        used.keys
            .extend(used_by_webhook.into_iter().chain(used_by_run));
        Ok(())
    }

    /// Returns how much of each limit is used after one more request.
    fn take(
        &self,
        used: &Usage,
        run: RunId,
        webhook: WebhookNumber,
        now: Time,
    ) -> Result<LimitUse, Exceeded> {
        let of = |key| used.keys.get(&key).copied().unwrap_or_default();
        let take = |scope, rate: Option<Rate>, whole: FullAgainAt| {
            let taken = rate.map(|rate| {
                let taken = whole.take(rate, now);
                taken.map_err(|retry_after_ms| Exceeded {
                    scope,
                    setting: rate.setting,
                    retry_after_ms,
                })
            });
            taken.transpose()
        };
        Ok(LimitUse {
            of_webhook: take(Scope::Webhook, self.per_webhook, of((run, Some(webhook))))?,
            of_run: take(Scope::Run, self.per_run, of((run, None)))?,
            of_host: take(Scope::Host, self.per_host, used.host)?,
        })
    }

    fn make_room(&self, used: &mut Usage, now: Time) {
        let since = now.0.checked_sub(used.swept.0);
        // If there is no difference, the clock was set back, and the time since the last sweep is unknown.
        let is_due = since.is_none_or(|since| since >= SWEEP);
        if !is_due && used.keys.len() + 1 < MOST {
            return;
        }
        used.keys.retain(|(_, webhook), whole| {
            let rate = match webhook {
                Some(_) => self.per_webhook,
                None => self.per_run,
            };
            rate.is_some_and(|rate| !whole.is_past(rate, now))
        });
        if used.keys.len() > MOST / 2 {
            used.keys.clear();
        }
        used.keys.shrink_to(MOST / 64);
        used.swept = now;
    }
}

/// How much of each limit is used. None if there is no limit.
struct LimitUse {
    of_webhook: Option<FullAgainAt>,
    of_run: Option<FullAgainAt>,
    of_host: Option<FullAgainAt>,
}

/// The time at which a budget is whole again, in parts of a millisecond. A millisecond has as many parts as the rate
/// has requests a second, so that the spacing of requests is always a whole number of parts.
#[derive(Debug, Clone, Copy, Default)]
struct FullAgainAt(u128);

impl FullAgainAt {
    /// Returns the time after one more request, or the number of milliseconds after which one is possible.
    fn take(self, rate: Rate, now: Time) -> Result<Self, u64> {
        let rate = u128::from(rate.requests.get());
        let now = u128::from(now.0) * rate;
        let (spacing, burst) = (u128::from(SECOND), u128::from(SECOND) * rate);
        // A time later than any burst can reach was set before the clock was set back.
        let from = if self.0 > now + burst {
            now
        } else {
            self.0.max(now)
        };
        let ahead = from + spacing - now;
        if ahead <= burst {
            return Ok(FullAgainAt(from + spacing));
        }
        Err(u64::try_from((ahead - burst).div_ceil(rate)).unwrap_or(u64::MAX))
    }

    /// Returns true if the entry makes no difference any more.
    fn is_past(self, rate: Rate, now: Time) -> bool {
        let rate = u128::from(rate.requests.get());
        let now = u128::from(now.0) * rate;
        self.0 <= now || self.0 > now + u128::from(SECOND) * rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn rates(per_webhook: u32, per_host: u32) -> Rates {
        Rates::new(per_webhook, per_host)
    }

    /// Calls a webhook this many milliseconds after the start.
    fn call(rates: &Rates, webhook: u32, after: u64) -> Result<(), Exceeded> {
        rates.admit(RunId([7; 16]), WebhookNumber(webhook), Time(NOW + after))
    }

    /// Calls the first webhook of another run.
    fn call_of(rates: &Rates, run: u8, after: u64) -> Result<(), Exceeded> {
        rates.admit(RunId([run; 16]), WebhookNumber(0), Time(NOW + after))
    }

    /// How many calls at one time are admitted.
    fn burst(rates: &Rates, webhook: u32, after: u64) -> usize {
        (0..10_000)
            .take_while(|_| call(rates, webhook, after).is_ok())
            .count()
    }

    fn exceeded(scope: Scope, retry_after_ms: u64) -> Result<(), Exceeded> {
        let setting = match scope {
            Scope::Webhook => WEBHOOK_RATE,
            Scope::Run | Scope::Host => HOST_RATE,
        };
        Err(Exceeded {
            scope,
            setting,
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
    fn a_caller_is_admitted_after_the_named_delay_and_not_earlier() {
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
        let rates = rates(2, 8);
        assert_eq!(burst(&rates, 0, 0), 2);
        for _ in 0..100 {
            assert_eq!(call(&rates, 0, 0), exceeded(Scope::Webhook, 500));
        }
        assert_eq!(burst(&rates, 1, 0), 2);
        for _ in 0..100 {
            assert_eq!(call(&rates, 2, 0), exceeded(Scope::Run, 250));
        }
        let other = |run: u8| (0..10).filter(|_| call_of(&rates, run, 0).is_ok()).count();
        assert_eq!((other(8), other(9)), (2, 2), "what the first run left");
        for _ in 0..100 {
            assert_eq!(call_of(&rates, 10, 0), exceeded(Scope::Host, 125));
        }
        assert_eq!(burst(&rates, 2, 1_000), 2, "its own is whole");
    }

    #[test]
    fn nobody_gets_more_of_the_hosts_limit_than_a_share() {
        let rates = rates(0, 400);
        assert_eq!(burst(&rates, 0, 0), 100, "a webhook has a quarter");
        let refused = call(&rates, 0, 0).unwrap_err();
        assert_eq!(
            (refused.scope, refused.setting),
            (Scope::Webhook, HOST_RATE)
        );
        assert_eq!(burst(&rates, 1, 0), 100);
        assert_eq!(call(&rates, 2, 0).unwrap_err().scope, Scope::Run);
        assert_eq!(call_of(&rates, 8, 0), Ok(()), "another run's is open");
    }

    #[test]
    fn a_look_uses_up_nothing() {
        let rates = rates(1, 0);
        let look = || rates.look(RunId([7; 16]), WebhookNumber(0), Time(NOW));
        for _ in 0..10 {
            assert_eq!(look(), Ok(()));
        }
        call(&rates, 0, 0).unwrap();
        assert_eq!(look(), exceeded(Scope::Webhook, 1_000));
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
        assert!(rates.used.lock().unwrap().keys.is_empty());
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
        let kept = used.keys.keys().filter_map(|(_, webhook)| *webhook);
        let mut kept: Vec<u32> = kept.map(|webhook| webhook.0).collect();
        kept.sort_unstable();
        assert_eq!(kept, [0, 7], "only those with less than a whole budget");
    }

    #[test]
    fn a_flood_over_many_webhooks_stays_bounded() {
        let rates = rates(1, u32::MAX);
        let most = u32::try_from(MOST).unwrap();
        for webhook in 0..3 * most {
            call(&rates, webhook, 0).unwrap();
            assert!(rates.used.lock().unwrap().keys.len() <= MOST);
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
    fn extreme_times_and_rates_do_not_panic() {
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
