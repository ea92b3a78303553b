//! Problems with requests that are malformed, arrive too fast, or have a body that is too large or too
//! slow.

use dormouse_api::request::{InvalidLabels, Malformed};
use dormouse_limits::Limit;
use dormouse_runtime::{Exceeded, Scope};
use http::header::{ACCEPT_ENCODING, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use super::{Problem, RETRY_ROOM};

impl Problem {
    /// A part of the request is not valid. `what` names the part, such as "query parameter `limit`".
    pub fn malformed(code: &'static str, what: &str, why: impl std::fmt::Display) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, code, format!("{what} {why}"))
    }

    /// The body is larger than its setting allows.
    #[must_use]
    pub fn too_large(limit: u64, setting: &Limit) -> Self {
        let detail = format!(
            "the body is larger than the {limit} bytes allowed here; the setting is `{setting}`"
        );
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
    }

    /// The body is larger than any body of its kind may be, whatever the settings.
    #[must_use]
    pub fn too_large_always(limit: u64) -> Self {
        let detail = format!("the body is larger than the {limit} bytes that are allowed here");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
    }

    /// The bodies of this sender use all memory, or all connections, that one sender may use.
    #[must_use]
    pub fn memory_share() -> Self {
        let detail = "the bodies that are being sent to this address, and the answers that are being read, use all memory \
                      or all connections that it may have; send fewer at the same time, and read the answers";
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "memory-share",
            detail.to_owned(),
        )
        .retry_after(RETRY_ROOM)
    }

    /// The host has no memory left for the body.
    #[must_use]
    pub fn no_memory() -> Self {
        let detail = format!(
            "the host has no memory left for this request or its answer; the setting is `{}`",
            dormouse_limits::MEMORY_BUDGET
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-memory", detail).retry_after(RETRY_ROOM)
    }

    /// The body has a `Content-Encoding`, and none is accepted here (RFC 9110, section 15.5.16).
    #[must_use]
    pub fn encoded(encoding: &[u8]) -> Self {
        let shown: String = String::from_utf8_lossy(encoding).chars().take(40).collect();
        let detail = format!(
            "the body has the Content-Encoding {shown:?}, and the host decodes none here; send the body without an encoding"
        );
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-encoding",
            detail,
        )
        .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
    }

    /// The body ended too early.
    pub fn incomplete(error: impl std::fmt::Display) -> Self {
        let detail = format!("the body could not be read to its end: {error}");
        Problem::new(StatusCode::BAD_REQUEST, "incomplete-body", detail)
    }

    /// The body arrived too slowly.
    #[must_use]
    pub fn too_slow() -> Self {
        let detail = "the body came too slowly, and the host stopped reading it; the setting is `body-timeout`";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "request-timeout", detail)
    }

    /// The request to a webhook came too soon after others.
    #[must_use]
    pub fn too_fast(exceeded: Exceeded) -> Self {
        let what = match exceeded.scope {
            Scope::Webhook => "this webhook",
            Scope::Run => "this webhook's run",
            Scope::Host => "this host",
        };
        let detail = format!(
            "{what} gets more requests per second than it may, and this one was refused; the setting is `{}`",
            exceeded.setting
        );
        // Whole seconds, rounded up.
        let seconds = exceeded.retry_after_ms.div_ceil(1_000);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-fast", detail)
            .with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }
}

impl From<Malformed> for Problem {
    fn from(error: Malformed) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, error.code, error.detail)
    }
}

impl From<InvalidLabels> for Problem {
    fn from(error: InvalidLabels) -> Self {
        match error {
            InvalidLabels::Malformed(error) => error.into(),
            InvalidLabels::Limit(why) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "label-limit", why)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use dormouse_limits::{HOST_RATE, WEBHOOK_RATE};

    use super::*;

    #[test]
    fn the_refusal_of_a_fast_caller_names_the_delay_and_the_limit() {
        let table = [
            (Scope::Webhook, WEBHOOK_RATE, 1, "1"),
            (Scope::Webhook, HOST_RATE, 1_000, "1"),
            (Scope::Run, HOST_RATE, 1_000, "1"),
            (Scope::Host, HOST_RATE, 1_001, "2"),
        ];
        for (scope, setting, retry_after_ms, seconds) in table {
            let problem = Problem::too_fast(Exceeded {
                scope,
                setting,
                retry_after_ms,
            });
            assert_eq!((problem.status.as_u16(), problem.code), (429, "too-fast"));
            let named = format!("`{setting}`");
            assert!(problem.detail.contains(&named), "{}", problem.detail);
            let expected = (RETRY_AFTER, HeaderValue::from_static(seconds));
            assert_eq!(problem.headers, [expected]);
        }
    }
}
