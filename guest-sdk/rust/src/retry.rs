//! When a call is made again.

use crate::bindings::dormouse::workflow::http as contract;
use crate::time::{IntoDuration, contract_millis};

/// Whether and when a call is tried again: on no response, a timeout, and status 408, 425, 429,
/// 500, 502, 503 and 504.
///
/// ```
/// # use dormouse_sdk::{RetryPolicy, seconds};
/// let policy = RetryPolicy::new(3).initial_delay(seconds(2)).multiplier(1.5).max_delay("30s");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy(contract::RetryPolicy);

impl RetryPolicy {
    /// So many attempts in all, 500 ms before the second, then twice as long each time, but no
    /// longer than 1 minute.
    ///
    /// ```
    /// # use dormouse_sdk::RetryPolicy;
    /// let once = RetryPolicy::new(1);
    /// ```
    pub fn new(attempts: u32) -> Self {
        Self(contract::RetryPolicy {
            attempts,
            initial_delay: 500,
            multiplier: 2.0,
            max_delay: 60_000,
        })
    }

    /// The delay before the second attempt.
    ///
    /// ```
    /// # use dormouse_sdk::RetryPolicy;
    /// let policy = RetryPolicy::new(5).initial_delay("1s");
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
    /// let steady = RetryPolicy::new(5).multiplier(1.0);
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
    /// let policy = RetryPolicy::new(50).max_delay("1h");
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delays_are_the_hosts_own_unless_told() {
        let policy = RetryPolicy::new(5).into_contract();
        assert_eq!(
            (policy.attempts, policy.initial_delay, policy.max_delay),
            (5, 500, 60_000)
        );
        assert!((policy.multiplier - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_said_arrives() {
        let policy = RetryPolicy::new(2)
            .initial_delay("1s")
            .multiplier(1.5)
            .max_delay("5m");
        let policy = policy.into_contract();
        assert_eq!(
            (policy.attempts, policy.initial_delay, policy.max_delay),
            (2, 1_000, 300_000)
        );
        assert!((policy.multiplier - 1.5).abs() < f64::EPSILON);
    }
}
