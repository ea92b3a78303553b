//! Retry policies: when a call is attempted again, and how a policy is encoded.
//!
//! The first layout had the number of attempts and the delays, but no time after which a call is given up. A policy
//! that fits this layout is still encoded in it. Any other begins with 0, which was never a number of attempts.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first number of a policy that does not fit the first layout.
const SECOND_LAYOUT: u32 = 0;

/// The number of values in the longer layout.
const FIELDS: usize = 6;

/// When a call is attempted again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// The largest number of attempts, at least 1. None if only the time limits them.
    pub attempts: Option<u32>,
    /// How long attempts may begin, in milliseconds from the moment at which the call was made. None for no limit.
    pub give_up_after: Option<u64>,
    /// The delay before the second attempt, in milliseconds.
    pub initial_delay: u64,
    /// The factor by which the delay grows, at least 1.
    pub multiplier: f64,
    /// The longest delay, in milliseconds.
    pub max_delay: u64,
}

/// The default gives up after a day: services are seldom down for longer, and are usually repaired within a day.
impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            attempts: None,
            give_up_after: Some(24 * 60 * 60 * 1_000),
            initial_delay: 500,
            multiplier: 2.0,
            max_delay: 5 * 60 * 1_000,
        }
    }
}

impl Serialize for RetryPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let RetryPolicy {
            attempts,
            give_up_after,
            initial_delay,
            multiplier,
            max_delay,
        } = *self;
        match (attempts, give_up_after) {
            (Some(attempts @ 1..), None) => {
                (attempts, initial_delay, multiplier, max_delay).serialize(serializer)
            }
            _ => (
                SECOND_LAYOUT,
                attempts,
                give_up_after,
                initial_delay,
                multiplier,
                max_delay,
            )
                .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RetryPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(FIELDS, Layouts)
    }
}

struct Layouts;

impl<'de> Visitor<'de> for Layouts {
    type Value = RetryPolicy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a retry policy")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<RetryPolicy, A::Error> {
        let (attempts, give_up_after) = match next(&mut fields)? {
            SECOND_LAYOUT => (next(&mut fields)?, next(&mut fields)?),
            attempts => (Some(attempts), None),
        };
        Ok(RetryPolicy {
            attempts,
            give_up_after,
            initial_delay: next(&mut fields)?,
            multiplier: next(&mut fields)?,
            max_delay: next(&mut fields)?,
        })
    }
}

fn next<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(fields: &mut A) -> Result<T, A::Error> {
    let field = fields.next_element()?;
    field.ok_or_else(|| A::Error::custom("a retry policy ends early"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    #[track_caller]
    fn check(policy: RetryPolicy, expected: &[u8]) {
        // The value after the policy must be found with either layout.
        let bytes = encode(&(policy, 7_u8));
        assert_eq!(bytes[1..bytes.len() - 1], *expected);
        assert_eq!(decode::<(RetryPolicy, u8)>(&bytes), Ok((policy, 7)));
    }

    #[test]
    fn a_number_of_attempts_alone_is_written_as_it_always_was() {
        let policy = RetryPolicy {
            attempts: Some(5),
            give_up_after: None,
            initial_delay: 2,
            multiplier: 2.0,
            max_delay: 3,
        };
        check(policy, &[5, 2, 0, 0, 0, 0, 0, 0, 0, 64, 3]);
    }

    #[test]
    fn anything_else_begins_with_0() {
        let policy = RetryPolicy {
            attempts: None,
            give_up_after: Some(4),
            initial_delay: 2,
            multiplier: 2.0,
            max_delay: 3,
        };
        check(policy, &[0, 0, 1, 4, 2, 0, 0, 0, 0, 0, 0, 0, 64, 3]);
        let both = RetryPolicy {
            attempts: Some(5),
            ..policy
        };
        check(both, &[0, 1, 5, 1, 4, 2, 0, 0, 0, 0, 0, 0, 0, 64, 3]);
        let neither = RetryPolicy {
            give_up_after: None,
            ..policy
        };
        check(neither, &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 64, 3]);
    }

    #[test]
    fn a_policy_that_ends_early_is_malformed() {
        assert!(decode::<RetryPolicy>(&[1, 5, 2]).is_err());
    }
}
