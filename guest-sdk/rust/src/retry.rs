//! When a call is tried again.

use crate::contract::http as contract;
use crate::time::{IntoDuration, contract_millis, hours, millis, minutes};

/// Says whether and when a call is tried again after no response, a timeout, or one of the statuses
/// 408, 425, 429, 500, 502, 503 and 504.
///
/// A `Retry-After` header of the response is obeyed up to 24 hours, even if it is longer than the
/// policy's own delays. The outcome of the last attempt is the result.
///
/// ```
/// # use dormouse_sdk::{RetryPolicy, seconds};
/// let policy = RetryPolicy::new().initial_delay(seconds(2)).multiplier(1.5).max_delay("30s");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy(contract::RetryPolicy);

impl RetryPolicy {
    /// Returns the host's default policy. It tries for 24 hours, with a delay of 500 ms before the
    /// second attempt, and twice as long each time, up to 5 minutes. A random part of up to half of
    /// each delay is left out, so that calls which failed at the same time are not tried again at
    /// the same time.
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

    /// Sets the largest number of attempts. There are fewer if the time to [give
    /// up](Self::give_up_after) comes first. With 1, the request is sent at most once.
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

    /// Sets how long after the call was made a new attempt may begin.
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

    /// Removes the time limit: the call is tried until it has another result.
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

    /// Sets the delay before the second attempt.
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

    /// Sets the factor by which a delay is longer than the one before. It is at least 1.
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

    /// Sets the longest delay.
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
    fn the_policy_is_the_hosts_default_unless_set() {
        let policy = RetryPolicy::default().into_contract();
        assert_eq!(
            (policy.attempts, policy.give_up_after),
            (None, Some(86_400_000))
        );
        assert_eq!((policy.initial_delay, policy.max_delay), (500, 300_000));
        assert!((policy.multiplier - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_options_of_a_call_arrive() {
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
