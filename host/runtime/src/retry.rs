//! Decides when a call is tried again.

use dormouse_journal::{CallError, Failure, OperationNumber, Response, RetryPolicy, RunId, Time};
use dormouse_store::Bounds;
use sha2::{Digest, Sha256};

/// The shortest time between two attempts at a call, in milliseconds, whatever the policy or the response says.
pub(crate) const GAP: u64 = 100;

/// The longest delay that a response may ask for, in milliseconds.
const LONGEST_ASKED: u64 = 24 * 60 * 60 * 1_000;

/// The time over which the next attempts of many runs are spread if all were told the same delay, in milliseconds: as
/// long as the delay, up to this.
const SPREAD: u64 = 5_000;

/// For a long delay, the next attempts are spread over a fifth of it, if that is more than [`SPREAD`].
const PART_SPREAD: u64 = 5;

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The result of the attempt is the result of the call.
    Done,
    /// Another attempt is made at this time.
    Again(Time),
}

/// A call after an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried {
    pub(crate) run: RunId,
    pub(crate) operation: OperationNumber,
    pub(crate) policy: RetryPolicy,
    pub(crate) bounds: Bounds,
    /// The number of the attempt, from 1.
    pub(crate) attempt: u32,
    /// The steady time at which the attempt ended.
    pub(crate) now: Time,
    /// The date at which the attempt ended, for dates in the response.
    pub(crate) date: Time,
}

impl Tried {
    /// Decides what follows from the attempt's result.
    pub(crate) fn decide(&self, result: &Result<Response, CallError>) -> Decision {
        if !self.bounds.allow_after(self.attempt) || !is_retryable(result) {
            return Decision::Done;
        }
        let own = self.now.after(self.backoff().max(GAP));
        let asked = result.as_ref().ok();
        let asked = asked.and_then(|response| retry_after(response, self.date));
        let next = match asked {
            Some(asked) if !self.bounds.allow_at(self.now.after(asked)) => return Decision::Done,
            Some(asked) => self.spread(asked).max(own),
            None => own,
        };
        if self.bounds.allow_at(next) {
            Decision::Again(next)
        } else {
            Decision::Done
        }
    }

    /// Returns the policy's delay after this attempt: a random time between half the delay and the whole.
    fn backoff(&self) -> u64 {
        let RetryPolicy {
            initial_delay,
            multiplier,
            max_delay,
            ..
        } = self.policy;
        // Zero times infinity is not a number, so an initial delay of zero is handled first.
        if initial_delay == 0 {
            return 0;
        }
        let exponent = i32::try_from(self.attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let whole = initial_delay as f64 * multiplier.powi(exponent);
        let whole = whole.min(max_delay as f64);
        fraction(whole, 0.5 + self.part() / 2.0)
    }

    /// Returns the time of the next attempt if the response asks for this many milliseconds: somewhat later, but before
    /// the call is given up.
    fn spread(&self, asked: u64) -> Time {
        let most = asked.min(SPREAD).max(asked / PART_SPREAD);
        let next = self.now.after(asked + fraction(most as f64, self.part()));
        self.bounds.until.map_or(next, |until| next.min(until))
    }

    /// Returns a number from 0 to 1 that spreads the attempts of many runs. It is derived from the call, so that a
    /// simulation gives the same number each time.
    fn part(&self) -> f64 {
        let digest = Sha256::new()
            .chain_update(self.run.0)
            .chain_update(self.operation.0.to_be_bytes())
            .chain_update(self.attempt.to_be_bytes())
            .finalize();
        f64::from(u16::from_be_bytes([digest[0], digest[1]])) / f64::from(u16::MAX)
    }
}

/// Returns a part of a whole that is neither negative nor larger than an integer can be. The fraction is cut off.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn fraction(whole: f64, part: f64) -> u64 {
    (whole * part) as u64
}

/// How late an attempt may be made, in milliseconds. A busy host may be some moments late.
const LATENESS: u64 = 60_000;

/// Returns true if the host is too late for an attempt.
pub(crate) fn is_too_late(bounds: Bounds, now: Time) -> bool {
    bounds
        .until
        .is_some_and(|until| now > until.after(LATENESS))
}

/// The result of a call whose next attempt the host could not make in time.
pub(crate) fn too_late() -> CallError {
    CallError::Other(Failure {
        code: "too-late".into(),
        message: "the host could not make the next attempt before the time at which the call was to be given up"
            .into(),
    })
}

/// Returns why an attempt did not succeed, for people.
pub(crate) fn reason(result: &Result<Response, CallError>) -> String {
    match result {
        Ok(response) => format!("status {}", response.status),
        Err(CallError::TimedOut) => "it took longer than its timeout".into(),
        Err(CallError::Interrupted) => "it was cut off by a stop of the host".into(),
        Err(CallError::Unreachable(text) | CallError::Denied(text) | CallError::Invalid(text)) => {
            text.clone()
        }
        Err(CallError::TooLarge(limit)) => format!("the response has more than {limit} bytes"),
        Err(CallError::Abandoned) => "it was given up".into(),
        Err(CallError::Other(failure)) => failure.message.clone(),
    }
}

/// Returns true if another attempt may give another result.
fn is_retryable(result: &Result<Response, CallError>) -> bool {
    match result {
        Ok(response) => matches!(response.status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
        Err(CallError::TimedOut | CallError::Unreachable(_) | CallError::Interrupted) => true,
        Err(
            CallError::Denied(_)
            | CallError::Invalid(_)
            | CallError::TooLarge(_)
            | CallError::Abandoned
            | CallError::Other(_),
        ) => false,
    }
}

/// Returns the delay that a response asks for, in milliseconds, up to [`LONGEST_ASKED`]. The response gives seconds or
/// a date
/// ([RFC 9110, section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).
fn retry_after(response: &Response, date: Time) -> Option<u64> {
    let (_, value) = response
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    let text = std::str::from_utf8(value).ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit into 64 bits is longer than the longest delay.
        let seconds = text.parse::<u64>().unwrap_or(u64::MAX);
        return Some(seconds.saturating_mul(1_000).min(LONGEST_ASKED));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let since = until.duration_since(std::time::UNIX_EPOCH).ok()?;
    let until = u64::try_from(since.as_millis()).ok()?;
    Some(until.saturating_sub(date.0).min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn response(status: u16, retry_after: Option<&str>) -> Result<Response, CallError> {
        let headers = retry_after.map(|value| {
            (
                "Retry-After".into(),
                Bytes::copy_from_slice(value.as_bytes()),
            )
        });
        Ok(Response {
            status,
            headers: headers.into_iter().collect(),
            body: Bytes::new(),
        })
    }

    /// A call that was made at time 0 and has come this far at time `now`.
    fn tried(policy: RetryPolicy, attempt: u32, now: u64) -> Tried {
        Tried {
            run: RunId([1; 16]),
            operation: OperationNumber(2),
            policy,
            bounds: Bounds::new(policy, Time(0)),
            attempt,
            now: Time(now),
            date: Time(now),
        }
    }

    fn after(attempt: u32, result: &Result<Response, CallError>) -> Decision {
        tried(RetryPolicy::default(), attempt, 0).decide(result)
    }

    fn forever() -> RetryPolicy {
        RetryPolicy {
            give_up_after: None,
            ..RetryPolicy::default()
        }
    }

    #[test]
    fn the_statuses_of_the_contract_are_tried_again_and_no_others() {
        let again: Vec<u16> = (100..600)
            .filter(|status| after(1, &response(*status, None)) != Decision::Done)
            .collect();
        assert_eq!(again, [408, 425, 429, 500, 502, 503, 504]);
    }

    #[test]
    fn a_denied_call_is_not_tried_again_and_an_interrupted_one_is() {
        assert_eq!(
            after(1, &Err(CallError::Denied(String::new()))),
            Decision::Done
        );
        assert_ne!(
            after(1, &Err(CallError::Unreachable(String::new()))),
            Decision::Done
        );
        assert_ne!(after(1, &Err(CallError::TimedOut)), Decision::Done);
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        let five = RetryPolicy {
            attempts: Some(5),
            ..forever()
        };
        let decide = |attempt| tried(five, attempt, 0).decide(&response(503, None));
        assert_ne!(decide(4), Decision::Done);
        assert_eq!(decide(5), Decision::Done);
    }

    #[test]
    fn a_call_is_tried_for_a_day_by_default_and_not_longer() {
        let refused = Err(CallError::Unreachable(String::new()));
        let (mut now, mut attempt) = (0, 1);
        while let Decision::Again(next) =
            tried(RetryPolicy::default(), attempt, now).decide(&refused)
        {
            (now, attempt) = (next.0, attempt + 1);
        }
        let day = 24 * 60 * 60 * 1_000;
        assert!((day - 300_000..=day).contains(&now), "{now}");
        assert!((288..600).contains(&attempt), "{attempt} attempts");
    }

    #[test]
    fn delays_double_within_their_jitter_up_to_the_maximum() {
        for (attempt, whole) in [
            (1, 500),
            (2, 1_000),
            (3, 2_000),
            (8, 64_000),
            (11, 300_000),
            (u32::MAX, 300_000),
        ] {
            let Decision::Again(Time(delay)) =
                tried(forever(), attempt, 0).decide(&response(503, None))
            else {
                panic!("attempt {attempt} was the last");
            };
            assert!(
                (whole / 2..=whole).contains(&delay),
                "attempt {attempt}: {delay} ms"
            );
        }
    }

    #[test]
    fn no_policy_and_no_response_makes_attempts_follow_each_other_at_once() {
        let hasty = RetryPolicy {
            initial_delay: 0,
            multiplier: 2.0,
            max_delay: 1_000,
            ..forever()
        };
        for result in [
            response(503, None),
            response(429, Some("0")),
            Err(CallError::TimedOut),
        ] {
            for attempt in [1, 5_000] {
                let decision = tried(hasty, attempt, 0).decide(&result);
                assert_eq!(decision, Decision::Again(Time(GAP)));
            }
        }
    }

    /// The earliest and the latest next attempt of many runs that are all told the same delay.
    fn spread(policy: RetryPolicy, retry_after: &str) -> (u64, u64) {
        let next = (0..1_000_u32).map(|number| {
            let mut run = [0; 16];
            run[..4].copy_from_slice(&number.to_be_bytes());
            let tried = Tried {
                run: RunId(run),
                ..tried(policy, 1, 0)
            };
            match tried.decide(&response(429, Some(retry_after))) {
                Decision::Again(next) => next.0,
                Decision::Done => panic!("{retry_after} ended the call"),
            }
        });
        let mut next: Vec<u64> = next.collect();
        next.sort_unstable();
        (next[0], next[999])
    }

    #[test]
    fn attempts_with_the_same_retry_after_are_spread_out() {
        for (seconds, asked, latest) in [
            ("1", 1_000, 2_000),
            ("10", 10_000, 15_000),
            ("600", 600_000, 720_000),
            ("86400", 86_400_000, 103_680_000),
            ("9999999", 86_400_000, 103_680_000),
            ("99999999999999999999999", 86_400_000, 103_680_000),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400_000, 103_680_000),
        ] {
            let (first, last) = spread(forever(), seconds);
            let slack = (latest - asked) / 20;
            assert!(
                (asked..asked + slack).contains(&first),
                "{seconds}: {first}"
            );
            assert!(
                (latest - slack..=latest).contains(&last),
                "{seconds}: {last}"
            );
        }
    }

    #[test]
    fn a_response_does_not_shorten_the_policys_own_delay() {
        let slow = RetryPolicy {
            initial_delay: 60_000,
            ..forever()
        };
        let (first, _) = spread(slow, "0");
        assert!(first >= 30_000, "{first}");
    }

    #[test]
    fn a_time_that_comes_too_late_ends_the_call_and_its_spread_alone_does_not() {
        let bounded = RetryPolicy {
            give_up_after: Some(10_000),
            ..RetryPolicy::default()
        };
        let told = |seconds: &str| tried(bounded, 1, 1_000).decide(&response(429, Some(seconds)));
        assert_eq!(told("10"), Decision::Done);
        let Decision::Again(next) = told("9") else {
            panic!("it was given up");
        };
        assert_eq!(next, Time(10_000));
    }

    #[test]
    fn a_time_beyond_a_day_counts_as_a_day_for_the_time_to_give_up_too() {
        let bounded = RetryPolicy {
            give_up_after: Some(2 * LONGEST_ASKED),
            ..RetryPolicy::default()
        };
        let told = response(429, Some("99999999999999999999999"));
        let Decision::Again(Time(next)) = tried(bounded, 1, 1_000).decide(&told) else {
            panic!("it was given up");
        };
        assert!((LONGEST_ASKED..2 * LONGEST_ASKED).contains(&next), "{next}");
    }

    #[test]
    fn a_response_that_cannot_be_read_is_not_asked_for_again() {
        let malformed = Err(CallError::malformed_response(String::new()));
        assert_eq!(after(1, &malformed), Decision::Done);
    }

    #[test]
    fn a_time_to_come_back_may_be_a_date() {
        let date = response(503, Some("Thu, 01 Jan 1970 00:00:09 GMT"));
        let tried = Tried {
            date: Time(4_000),
            ..tried(forever(), 1, 50_000)
        };
        let Decision::Again(Time(next)) = tried.decide(&date) else {
            panic!("it was given up");
        };
        assert!((55_000..=60_000).contains(&next), "{next}");
    }
}
