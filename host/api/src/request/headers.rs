//! The headers of the request that starts a run, as the run sees them. Headers with which the run could act as the
//! caller are left out.

use bytes::Bytes;
use dormouse_journal::Header;
use http::HeaderMap;
use http::header::CONNECTION;

/// The headers that are left out: credentials, what proxies add about the caller, and what concerns only one
/// connection. Headers that begin with `proxy-` or `x-forwarded-` are left out too.
const LEFT_OUT: &[&str] = &[
    "authorization",
    "cookie",
    "connection",
    "forwarded",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
];

/// Returns the headers that a run may see of the request that started it, in order, including repeated ones.
#[must_use]
pub fn for_the_run(headers: &HeaderMap) -> Vec<Header> {
    // A sender can name further headers that concern only its connection.
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let is_left_out = |name: &str| {
        LEFT_OUT.contains(&name)
            || name.starts_with("proxy-")
            || name.starts_with("x-forwarded-")
            || named.iter().any(|named| named == name)
    };
    headers
        .iter()
        .filter(|(name, _)| !is_left_out(name.as_str()))
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                Bytes::copy_from_slice(value.as_bytes()),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn credentials_forwarding_and_hop_by_hop_fields_are_left_out() {
        let table = [
            ("content-type", true),
            ("authorization", false),
            ("cookie", false),
            ("proxy-authorization", false),
            ("proxy-connection", false),
            ("forwarded", false),
            ("x-forwarded-for", false),
            ("x-forwarded-proto", false),
            ("x-real-ip", false),
            ("via", false),
            ("connection", false),
            ("x-hop", false),
            ("x-other-hop", false),
            ("keep-alive", false),
            ("te", false),
            ("trailer", false),
            ("transfer-encoding", false),
            ("upgrade", false),
            ("x-request-id", true),
            ("traceparent", true),
            ("idempotency-key", true),
        ];
        let mut headers = HeaderMap::new();
        for (name, _) in table {
            let value = if name == "connection" {
                "close, X-Hop , x-other-hop"
            } else {
                "v"
            };
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let kept: Vec<String> = for_the_run(&headers)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let expected: Vec<&str> = table
            .iter()
            .filter(|(_, kept)| *kept)
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn repeats_and_bytes_are_kept() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_bytes(b"\xff").unwrap());
        let kept = for_the_run(&headers);
        assert_eq!(
            kept,
            [
                ("x-a".into(), Bytes::from_static(b"1")),
                ("x-a".into(), Bytes::from_static(b"\xff"))
            ]
        );
    }
}
