//! The headers that a workflow may set.

use dormouse_journal::{CallError, Header};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::invalid::{invalid, shown};

/// Checks the headers that a workflow wrote, and converts them to HTTP headers.
pub(crate) fn check_headers(headers: &[Header]) -> Result<HeaderMap, CallError> {
    let mut checked = HeaderMap::new();
    for (name, value) in headers {
        let parsed = check_name(name)?;
        let value = HeaderValue::from_maybe_shared(value.clone()).map_err(|_| {
            invalid(format!(
                "the value of the header {parsed} has a byte that no header may have"
            ))
        })?;
        checked
            .try_append(parsed, value)
            .map_err(|_| invalid("there are more headers than can be sent"))?;
    }
    Ok(checked)
}

/// Checks that a workflow may set a header of this name, and returns the parsed name.
pub(crate) fn check_name(name: &str) -> Result<HeaderName, CallError> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| invalid(format!("{} is not a header name", shown(name))))?;
    check_reserved(&parsed)?;
    Ok(parsed)
}

/// Refuses headers that belong to the connection or delimit the request. With such a header, a workflow could make a
/// server read one request as two.
fn check_reserved(name: &HeaderName) -> Result<(), CallError> {
    let advice = match name.as_str() {
        "host" => "it is made from the URL",
        "content-length" | "transfer-encoding" => "it is made from the body",
        "connection" | "keep-alive" | "te" | "trailer" | "upgrade" => {
            "it is about the connection, which the host manages"
        }
        proxy if proxy.starts_with("proxy-") => "it is for proxies, and the host uses none",
        _ => return Ok(()),
    };
    Err(invalid(format!(
        "the header {name} cannot be set: {advice}; leave it out"
    )))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn refused(headers: &[(&str, &str)]) -> String {
        let headers = headers.iter();
        let headers: Vec<Header> = headers
            .map(|(name, value)| ((*name).to_owned(), Bytes::copy_from_slice(value.as_bytes())))
            .collect();
        refused_all(&headers)
    }

    fn refused_all(headers: &[Header]) -> String {
        match check_headers(headers) {
            Err(CallError::Invalid(text)) => text,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn headers_that_are_not_headers() {
        let table = [
            ("", "v", "\"\" is not a header name"),
            ("a b", "v", "\"a b\" is not a header name"),
            (":path", "v", "\":path\" is not a header name"),
            ("a\r\nb", "v", "\"a\\r\\nb\" is not a header name"),
            (
                "X-A",
                "v\r\nx: y",
                "the value of the header x-a has a byte that no header may have",
            ),
            (
                "X-A",
                "\0",
                "the value of the header x-a has a byte that no header may have",
            ),
        ];
        for (name, value, expected) in table {
            assert_eq!(refused(&[(name, value)]), expected);
        }
        let long = refused(&[(&"é".repeat(90), "v")]);
        assert_eq!(
            long,
            format!("\"{}\"… is not a header name", "é".repeat(60))
        );
    }

    #[test]
    fn headers_of_the_connection_are_refused_with_a_sentence() {
        let table = [
            ("Host", "it is made from the URL"),
            ("Content-Length", "it is made from the body"),
            ("Transfer-Encoding", "it is made from the body"),
            ("Connection", "it is about the connection"),
            ("Keep-Alive", "it is about the connection"),
            ("TE", "it is about the connection"),
            ("Trailer", "it is about the connection"),
            ("Upgrade", "it is about the connection"),
            ("Proxy-Authorization", "it is for proxies"),
            ("Proxy-Connection", "it is for proxies"),
        ];
        for (name, advice) in table {
            let text = refused(&[("x-a", "1"), (name, "v")]);
            let expected = format!("the header {} cannot be set: {advice}", name.to_lowercase());
            assert!(text.starts_with(&expected), "{text}");
        }
    }

    #[test]
    fn too_many_headers_are_an_error_and_no_panic() {
        let many = (0..40_000).map(|n| (format!("x-{n}"), Bytes::new()));
        assert_eq!(
            refused_all(&many.collect::<Vec<_>>()),
            "there are more headers than can be sent"
        );
    }
}
