//! `Prefer: wait=SECONDS`, by which a caller asks to be answered only when a run has ended (RFC 7240).

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Malformed;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long a caller wants its answer held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(Duration);

impl Wait {
    /// What a request asks for, and no more than `most`. Preferences other than `wait` are none of ours.
    ///
    /// # Errors
    /// When its `wait` is not in whole seconds.
    pub fn from_headers(headers: &HeaderMap, most: Duration) -> Result<Option<Self>, Malformed> {
        for value in headers.get_all(PREFER) {
            let value = value
                .to_str()
                .map_err(|_| malformed("has characters other than visible ASCII ones"))?;
            for preference in value.split(',') {
                if let Some(seconds) = wait(preference) {
                    let seconds: u32 = seconds.parse().map_err(|_| {
                        malformed(format!(
                            "has wait={seconds}: give whole seconds, such as wait=30"
                        ))
                    })?;
                    return Ok(Some(Wait(Duration::from_secs(seconds.into()).min(most))));
                }
            }
        }
        Ok(None)
    }

    /// How long.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }

    /// The header that tells the caller what was made of its preference.
    #[must_use]
    pub fn applied(self) -> (HeaderName, HeaderValue) {
        let value = format!("wait={}", self.0.as_secs());
        // Letters and digits make a header value.
        let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("wait"));
        (PREFERENCE_APPLIED, value)
    }
}

/// The value of `wait`, if this is that preference. Parameters behind a semicolon mean nothing to it.
fn wait(preference: &str) -> Option<&str> {
    let preference = preference.split(';').next().unwrap_or_default();
    let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
    name.trim()
        .eq_ignore_ascii_case("wait")
        .then(|| value.trim().trim_matches('"'))
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
        ] {
            let error = read(&[value]).unwrap_err();
            assert_eq!(error.code, "invalid-header", "{value}");
            assert!(error.detail.contains("header Prefer"), "{error}");
        }
    }
}
