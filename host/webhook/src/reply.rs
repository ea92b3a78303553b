//! The responses that a workflow may give to the callers of its webhooks.
//!
//! The host's name is in the URLs of the webhooks of all workflows, and a browser applies some headers to everything
//! of that name. So a response must concern only itself. A header that would affect the connection, or other URLs of
//! the host's name, is refused.

use dormouse_journal::Response;
use http::{HeaderName, HeaderValue};

/// The largest number of headers of a response. Few clients take as many, and the map in which they are sent has no room for
/// very many: it panics.
const HEADERS: usize = 1_000;

/// Checks that a response can be sent. If it cannot, the error says what to change.
///
/// # Errors
/// If the status is not from 200 to 599, if there are too many headers, if a header is invalid or not the workflow's to set, or if the status allows no
/// body and the response has one.
pub fn check_response(response: &Response) -> Result<(), String> {
    let status = response.status;
    if !(200..=599).contains(&status) {
        return Err(format!(
            "the status {status} cannot be sent; give one from 200 to 599"
        ));
    }
    if matches!(status, 204 | 205 | 304) && !response.body.is_empty() {
        return Err(format!(
            "a response with the status {status} has no body, and this one has {} bytes; leave the body empty or give \
             another status",
            response.body.len()
        ));
    }
    if response.headers.len() > HEADERS {
        return Err(format!(
            "a response has at most {HEADERS} headers, and this one has {}",
            response.headers.len()
        ));
    }
    response
        .headers
        .iter()
        .try_for_each(|(name, value)| check_header(name, value))
}

fn check_header(name: &str, value: &[u8]) -> Result<(), String> {
    let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
        let shown: String = name.chars().take(60).collect();
        return Err(format!("{shown:?} is not a header name"));
    };
    let advice = match parsed.as_str() {
        "content-length" | "transfer-encoding" => "it is made from the body",
        "connection" | "keep-alive" | "te" | "trailer" | "upgrade" => {
            "it is about the connection, which the host manages"
        }
        "alt-svc"
        | "clear-site-data"
        | "service-worker-allowed"
        | "set-cookie"
        | "set-cookie2"
        | "strict-transport-security" => {
            "browsers would apply it to everything under the host's name"
        }
        proxy if proxy.starts_with("proxy-") => "it is for proxies",
        _ if HeaderValue::from_bytes(value).is_err() => {
            return Err(format!(
                "the value of the header {parsed} has a byte that no header may have"
            ));
        }
        _ => return Ok(()),
    };
    Err(format!(
        "the header {parsed} cannot be set: {advice}; leave it out"
    ))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn check(status: u16, header: Option<(&str, &str)>, body: &'static str) -> Result<(), String> {
        check_response(&Response {
            status,
            headers: header
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Bytes::copy_from_slice(value.as_bytes())))
                .collect(),
            body: Bytes::from_static(body.as_bytes()),
        })
    }

    #[test]
    fn final_statuses_are_sent_and_others_are_not() {
        for status in [200, 204, 302, 404, 599] {
            assert_eq!(check(status, None, ""), Ok(()), "{status}");
        }
        for status in [0, 100, 101, 199, 600, 65_535] {
            let text = check(status, None, "").unwrap_err();
            assert!(text.contains(&status.to_string()), "{text}");
        }
    }

    #[test]
    fn a_body_is_refused_where_none_can_be() {
        for status in [204, 205, 304] {
            let text = check(status, None, "x").unwrap_err();
            assert!(text.contains("leave the body empty"), "{text}");
        }
        assert_eq!(check(200, None, "x"), Ok(()));
    }

    #[test]
    fn headers_that_reach_beyond_the_response_are_refused() {
        for (name, advice) in [
            ("Content-Length", "made from the body"),
            ("Transfer-Encoding", "made from the body"),
            ("Connection", "the connection"),
            ("Upgrade", "the connection"),
            ("Proxy-Authenticate", "for proxies"),
            ("Set-Cookie", "under the host's name"),
            ("Strict-Transport-Security", "under the host's name"),
            ("Clear-Site-Data", "under the host's name"),
            ("Service-Worker-Allowed", "under the host's name"),
        ] {
            let text = check(200, Some((name, "v")), "").unwrap_err();
            assert!(text.contains(advice), "{name}: {text}");
            assert!(text.contains(&name.to_lowercase()), "{name}: {text}");
        }
        for name in ["Content-Type", "X-Own", "Location", "Cache-Control"] {
            assert_eq!(check(200, Some((name, "v")), ""), Ok(()), "{name}");
        }
    }

    #[test]
    fn so_many_headers_that_no_map_has_room_for_them_are_refused() {
        let with = |count: usize| {
            let headers = (0..count).map(|number| (format!("x-{number}"), Bytes::new()));
            check_response(&Response {
                status: 200,
                headers: headers.collect(),
                body: Bytes::new(),
            })
        };
        assert_eq!(with(1_000), Ok(()));
        let text = with(1_001).unwrap_err();
        assert!(text.contains("1001"), "{text}");
    }

    #[test]
    fn an_invalid_header_is_refused() {
        for (name, value) in [
            ("", "v"),
            ("a b", "v"),
            ("a\r\nb", "v"),
            ("x", "a\r\nb: c"),
            ("x", "\0"),
        ] {
            assert!(
                check(200, Some((name, value)), "").is_err(),
                "{name:?} {value:?}"
            );
        }
        let long = "é".repeat(10_000);
        assert!(check(200, Some((&long, "v")), "").unwrap_err().len() < 200);
    }
}
