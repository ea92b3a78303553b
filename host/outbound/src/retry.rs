//! What an attempt's outcome says about another attempt: whether one makes sense, and when the service wants it.

use std::time::UNIX_EPOCH;

use dormouse_journal::{CallError, Response, Time};

/// Whether another attempt may go better. `Interrupted` is among those: the attempt may not have arrived.
#[must_use]
pub fn is_retryable(outcome: &Result<Response, CallError>) -> bool {
    match outcome {
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

/// How many milliseconds from `now` the response asks to wait, by its `Retry-After` in seconds or as a date. None when
/// it has none that can be read; 0 for a date that has passed.
#[must_use]
pub fn retry_after(response: &Response, now: Time) -> Option<u64> {
    let (_, value) = response
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    let text = std::str::from_utf8(value).ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit ask for longer than anyone waits.
        return Some(text.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1000));
    }
    let date = httpdate::parse_http_date(text)
        .ok()?
        .duration_since(UNIX_EPOCH)
        .ok()?;
    Some(date.as_secs().saturating_mul(1000).saturating_sub(now.0))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use dormouse_journal::Failure;

    use super::*;

    fn response(status: u16, headers: &[(&str, &str)]) -> Response {
        Response {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Bytes::copy_from_slice(value.as_bytes())))
                .collect(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn statuses_that_are_tried_again() {
        let again: Vec<u16> = (100..600)
            .filter(|&status| is_retryable(&Ok(response(status, &[]))))
            .collect();
        assert_eq!(again, [408, 425, 429, 500, 502, 503, 504]);
    }

    #[test]
    fn errors_that_are_tried_again() {
        let other = Failure {
            code: "c".into(),
            message: "m".into(),
        };
        let table = [
            (CallError::TimedOut, true),
            (CallError::Unreachable("u".into()), true),
            (CallError::Interrupted, true),
            (CallError::Denied("d".into()), false),
            (CallError::Invalid("i".into()), false),
            (CallError::TooLarge(1), false),
            (CallError::Abandoned, false),
            (CallError::Other(other), false),
        ];
        for (error, expected) in table {
            assert_eq!(is_retryable(&Err(error.clone())), expected, "{error:?}");
        }
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = Time(1_445_412_480_500); // Wed, 21 Oct 2015 07:28:00.5 GMT
        let table = [
            ("120", Some(120_000)),
            (" 7 ", Some(7_000)),
            ("0", Some(0)),
            ("99999999999999999999", Some(u64::MAX)),
            ("Wed, 21 Oct 2015 07:28:10 GMT", Some(9_500)),
            ("Wednesday, 21-Oct-15 07:28:10 GMT", Some(9_500)),
            ("Wed Oct 21 07:28:10 2015", Some(9_500)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
        ];
        for (value, expected) in table {
            let response = response(503, &[("date", "x"), ("Retry-After", value)]);
            assert_eq!(retry_after(&response, now), expected, "{value:?}");
        }
        assert_eq!(retry_after(&response(503, &[]), now), None);
    }
}
