//! `Prefer: wait=SECONDS`, with which a caller asks to be answered only when a run has ended, or with `;
//! until=suspended` also when it sleeps (RFC 7240).

use std::time::Duration;

use dormouse_journal::Until;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Malformed;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long an answer is held for a caller, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    most: Duration,
    until: Until,
}

impl Wait {
    /// Returns the wait that a request asks for, at most `most`. Preferences other than `wait` are ignored, and so are
    /// its parameters other than `until`.
    ///
    /// # Errors
    /// When `wait` is not in whole seconds, or the value of `until` is unknown.
    pub fn from_headers(headers: &HeaderMap, most: Duration) -> Result<Option<Self>, Malformed> {
        for value in headers.get_all(PREFER) {
            let value = value
                .to_str()
                .map_err(|_| malformed("has characters other than visible ASCII ones"))?;
            for preference in value.split(',') {
                let mut parts = preference.split(';').map(name_and_value);
                let (name, seconds) = parts.next().unwrap_or_default();
                if name == "wait" {
                    return Ok(Some(Wait {
                        most: whole(seconds)?.min(most),
                        until: until(parts)?,
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Returns how long the answer is held.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.most
    }

    /// Returns what is waited for.
    #[must_use]
    pub fn until(self) -> Until {
        self.until
    }

    /// Returns the header that tells the caller which preference was applied.
    #[must_use]
    pub fn applied(self) -> (HeaderName, HeaderValue) {
        let until = match self.until {
            Until::Suspended => "; until=suspended",
            Until::Ended => "",
        };
        let value = format!("wait={}{until}", self.most.as_secs());
        // These characters are valid in a header value.
        let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("wait"));
        (PREFERENCE_APPLIED, value)
    }
}

fn whole(seconds: &str) -> Result<Duration, Malformed> {
    let number: u32 = seconds.parse().map_err(|_| {
        malformed(format!(
            "has wait={seconds}: give whole seconds, such as wait=30"
        ))
    })?;
    Ok(Duration::from_secs(number.into()))
}

/// Returns what is waited for, according to the parameters of `wait`.
fn until<'a>(mut parameters: impl Iterator<Item = (String, &'a str)>) -> Result<Until, Malformed> {
    let Some((_, value)) = parameters.find(|(name, _)| name == "until") else {
        return Ok(Until::Ended);
    };
    let found = Until::ALL.into_iter().find(|until| until.as_str() == value);
    found.ok_or_else(|| malformed(format!("has until={value}: it is suspended or ended")))
}

/// Splits a preference or a parameter. Names are not case-sensitive, and an absent value is an empty one.
fn name_and_value(text: &str) -> (String, &str) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let value = value.trim().trim_matches('"');
    (name.trim().to_ascii_lowercase(), value)
}

fn malformed(why: impl std::fmt::Display) -> Malformed {
    Malformed::new("invalid-header", "the header Prefer", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static str]) -> Result<Option<u64>, Malformed> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, HeaderValue::from_static(value));
        }
        let wait = Wait::from_headers(&headers, Duration::from_secs(60))?;
        Ok(wait.map(|wait| wait.duration().as_secs()))
    }

    #[test]
    fn wait_is_found_among_other_preferences() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["wait=5"]), Ok(Some(5)));
        assert_eq!(read(&["respond-async, WAIT = \"5\"; x=y"]), Ok(Some(5)));
        assert_eq!(
            read(&["respond-async", "return=minimal, wait=0"]),
            Ok(Some(0))
        );
        assert_eq!(
            read(&["wait=5, wait=9"]),
            Ok(Some(5)),
            "the first one counts"
        );
        assert_eq!(read(&["waiting=5, handling=lenient"]), Ok(None));
    }

    #[test]
    fn an_end_is_waited_for_unless_it_says_otherwise() {
        for (value, until, applied) in [
            ("wait=5", Until::Ended, "wait=5"),
            ("wait=5; until=ended", Until::Ended, "wait=5"),
            (
                "wait=5;x;Until = \"suspended\"",
                Until::Suspended,
                "wait=5; until=suspended",
            ),
            // A parameter of another preference.
            ("wait=5, other; until=suspended", Until::Ended, "wait=5"),
        ] {
            let headers = HeaderMap::from_iter([(PREFER, HeaderValue::from_static(value))]);
            let wait = Wait::from_headers(&headers, Duration::from_secs(60));
            let wait = wait.unwrap().unwrap();
            assert_eq!(wait.until(), until, "{value}");
            assert_eq!(wait.applied().1, applied, "{value}");
        }
    }

    #[test]
    fn nobody_waits_longer_than_the_host_lets_them() {
        assert_eq!(read(&["wait=3600"]), Ok(Some(60)));
    }

    #[test]
    fn a_malformed_wait_is_named() {
        for value in [
            "wait",
            "wait=",
            "wait=soon",
            "wait=-1",
            "wait=1.5",
            "wait=99999999999",
            "wait=5; until",
            "wait=5; until=pending",
        ] {
            let error = read(&[value]).unwrap_err();
            assert_eq!(error.code, "invalid-header", "{value}");
            assert!(error.detail.contains("header Prefer"), "{error}");
        }
    }
}
