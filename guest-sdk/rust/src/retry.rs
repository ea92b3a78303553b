//! When a call is made again.

use crate::contract::http as contract;
use crate::time::{IntoDuration, contract_millis, hours, millis, minutes};

/// Whether and when a call is tried again: on no response, a timeout, and status 408, 425, 429,
/// 500, 502, 503 and 504.
///
/// A `Retry-After` of the response is obeyed up to 24 hours, whatever the policy's own delays. What
/// the last attempt brought is the result.
///
/// ```
/// # use dormouse_sdk::{RetryPolicy, seconds};
/// let policy = RetryPolicy::new().initial_delay(seconds(2)).multiplier(1.5).max_delay("30s");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy(contract::RetryPolicy);

impl RetryPolicy {
    /// The host's default: for 24 hours, 500 ms before the second attempt, then twice as long each
    /// time, but no longer than 5 minutes. Each delay is shortened by some part of up to its half,
    /// so that what failed together does not come back together.
    ///
    /// ```
    /// # use dormouse_sdk::RetryPolicy;
    /// let policy = RetryPolicy::new();
    /// ```
    pub fn new() -> Self {
        Self(contract::RetryPolicy {
            attempts: None,
            give_up_after: Some(contract_millis(hours(24))),
            initial_delay: contract_millis(millis(500)),
            multiplier: 2.0,
            max_delay: contract_millis(minutes(5)),
        })
    }

    /// So many attempts in all, or fewer if the time to [give up](Self::give_up_after) comes before.
    /// With 1 the request is sent at most once.
    ///
    /// ```
    /// # use dormouse_sdk::RetryPolicy;
    /// let once = RetryPolicy::new().attempts(1);
    /// ```
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = Some(attempts);
        self
    }

    /// No attempt begins when so much time has passed since the call was made.
    ///
    /// ```
    /// # use dormouse_sdk::RetryPolicy;
    /// let policy = RetryPolicy::new().give_up_after("10m");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn give_up_after(mut self, time: impl IntoDuration) -> Self {
        self.0.give_up_after = Some(contract_millis(time));
        self
    }

    /// Never gives up: the call is tried until it brings another result.
    ///
    /// ```
    /// # use dormouse_sdk::RetryPolicy;
    /// let stubborn = RetryPolicy::new().forever();
    /// ```
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.0.attempts = None;
        self.0.give_up_after = None;
        self
    }

    /// The delay before the second attempt.
    ///
    /// ```
    /// # use dormouse_sdk::RetryPolicy;
    /// let policy = RetryPolicy::new().initial_delay("1s");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn initial_delay(mut self, delay: impl IntoDuration) -> Self {
        self.0.initial_delay = contract_millis(delay);
        self
    }

    /// What a delay is multiplied with to give the next, at least 1.
    ///
    /// ```
    /// # use dormouse_sdk::RetryPolicy;
    /// let steady = RetryPolicy::new().multiplier(1.0);
    /// ```
    #[must_use]
    pub fn multiplier(mut self, multiplier: f64) -> Self {
        self.0.multiplier = multiplier;
        self
    }

    /// The longest delay.
    ///
    /// ```
    /// # use dormouse_sdk::RetryPolicy;
    /// let policy = RetryPolicy::new().give_up_after("7d").max_delay("1h");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn max_delay(mut self, delay: impl IntoDuration) -> Self {
        self.0.max_delay = contract_millis(delay);
        self
    }

    pub(crate) fn into_contract(self) -> contract::RetryPolicy {
        self.0
    }

    pub(crate) fn from_contract(policy: contract::RetryPolicy) -> Self {
        Self(policy)
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_the_hosts_own_unless_told() {
        let policy = RetryPolicy::default().into_contract();
        assert_eq!(
            (policy.attempts, policy.give_up_after),
            (None, Some(86_400_000))
        );
        assert_eq!((policy.initial_delay, policy.max_delay), (500, 300_000));
        assert!((policy.multiplier - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_said_arrives() {
        let policy = RetryPolicy::new()
            .attempts(2)
            .give_up_after("10m")
            .initial_delay("1s")
            .multiplier(1.5)
            .max_delay("5s");
        let stubborn = policy.clone().forever().into_contract();
        assert_eq!((stubborn.attempts, stubborn.give_up_after), (None, None));
        let policy = policy.into_contract();
        assert_eq!(
            (policy.attempts, policy.give_up_after),
            (Some(2), Some(600_000))
        );
        assert_eq!((policy.initial_delay, policy.max_delay), (1_000, 5_000));
        assert!((policy.multiplier - 1.5).abs() < f64::EPSILON);
    }
}
