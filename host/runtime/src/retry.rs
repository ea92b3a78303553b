//! When a call is tried again, and after how long.

use dormouse_journal::{CallError, OperationNumber, Response, RetryPolicy, RunId, Time};
use sha2::{Digest, Sha256};

/// The least time between two attempts at a call in milliseconds, whatever its policy or the response says.
pub(crate) const GAP: u64 = 100;

/// What to do after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// This is the result.
    Done,
    /// Another attempt, this many milliseconds from now.
    Again(u64),
}

/// Decides after the attempt of this number, from 1.
pub(crate) fn decide(
    policy: RetryPolicy,
    (run, operation): (RunId, OperationNumber),
    attempt: u32,
    result: &Result<Response, CallError>,
    now: Time,
) -> Decision {
    if attempt >= policy.attempts || !is_retryable(result) {
        return Decision::Done;
    }
    let asked = result
        .as_ref()
        .ok()
        .and_then(|response| retry_after(response, now));
    let delay = asked.unwrap_or_else(|| backoff(policy, run, operation, attempt));
    Decision::Again(delay.min(policy.max_delay).max(GAP))
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

/// Whether another attempt may give another result.
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

/// The delay that a response asks for, in milliseconds: seconds, or a date
/// ([RFC 9110, section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).
fn retry_after(response: &Response, now: Time) -> Option<u64> {
    let (_, value) = response
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    let text = std::str::from_utf8(value).ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let date = u64::try_from(since.as_millis()).ok()?;
    Some(date.saturating_sub(now.0))
}

/// The policy's delay after this attempt, between half and the whole of it. Which part is derived from what is tried,
/// so that many runs do not come back at once, and a simulation gives the same twice.
fn backoff(policy: RetryPolicy, run: RunId, operation: OperationNumber, attempt: u32) -> u64 {
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let whole = policy.initial_delay as f64 * policy.multiplier.powi(exponent);
    let whole = whole.min(policy.max_delay as f64);
    let digest = Sha256::new()
        .chain_update(run.0)
        .chain_update(operation.0.to_be_bytes())
        .chain_update(attempt.to_be_bytes())
        .finalize();
    let part = f64::from(u16::from_be_bytes([digest[0], digest[1]])) / f64::from(u16::MAX);
    // Not negative, and at most `max_delay`; what a float has beyond an integer is not missed.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let delay = (whole * (0.5 + part / 2.0)) as u64;
    delay
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const CALL: (RunId, OperationNumber) = (RunId([1; 16]), OperationNumber(2));

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

    fn after(attempt: u32, result: &Result<Response, CallError>) -> Decision {
        decide(RetryPolicy::default(), CALL, attempt, result, Time(0))
    }

    #[test]
    fn the_statuses_of_the_contract_are_tried_again_and_no_others() {
        let again: Vec<u16> = (100..600)
            .filter(|status| after(1, &response(*status, None)) != Decision::Done)
            .collect();
        assert_eq!(again, [408, 425, 429, 500, 502, 503, 504]);
    }

    #[test]
    fn what_was_denied_is_not_tried_again_and_what_was_cut_off_is() {
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
        assert_ne!(after(4, &response(503, None)), Decision::Done);
        assert_eq!(after(5, &response(503, None)), Decision::Done);
    }

    #[test]
    fn delays_double_within_their_jitter_up_to_the_maximum() {
        let policy = RetryPolicy {
            attempts: 100,
            ..RetryPolicy::default()
        };
        for (attempt, whole) in [(1, 500), (2, 1_000), (3, 2_000), (8, 60_000), (90, 60_000)] {
            let Decision::Again(delay) =
                decide(policy, CALL, attempt, &response(503, None), Time(0))
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
            attempts: 100,
            initial_delay: 0,
            multiplier: 1.0,
            max_delay: 0,
        };
        for result in [
            response(503, None),
            response(429, Some("0")),
            Err(CallError::TimedOut),
        ] {
            let decision = decide(hasty, CALL, 1, &result, Time(0));
            assert_eq!(decision, Decision::Again(GAP));
        }
    }

    #[test]
    fn retry_after_replaces_the_delay_up_to_the_maximum() {
        assert_eq!(after(1, &response(429, Some("7"))), Decision::Again(7_000));
        assert_eq!(
            after(1, &response(429, Some("86400"))),
            Decision::Again(60_000)
        );
        let date = response(503, Some("Thu, 01 Jan 1970 00:00:09 GMT"));
        assert_eq!(
            decide(RetryPolicy::default(), CALL, 1, &date, Time(4_000)),
            Decision::Again(5_000)
        );
    }
}
