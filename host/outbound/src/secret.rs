//! Headers made from secrets: checked, and converted to HTTP.
//!
//! Headers made from secrets are kept apart from the headers that the workflow wrote, for two reasons: they are removed
//! at the first redirect to another origin, and the response is searched for their secrets (`mask.rs`).

use dormouse_journal::CallError;
use dormouse_seams::{SecretHeader, SecretValue};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::headers::check_name;
use crate::invalid::invalid;

/// Headers that ask a server for a body in which a secret could not be found: a compressed body, a part of a body, the
/// difference to another body, or a body whose letters are not encoded as in ASCII.
const HIDING: [&str; 5] = [
    "accept-encoding",
    "range",
    "if-range",
    "a-im",
    "accept-charset",
];

/// Checks that headers made from secrets can be sent together with `headers`, and converts them to HTTP headers. Adds
/// `Accept-Encoding: identity` to `headers`, since no secret could be found in a compressed response.
pub(crate) fn check(
    secret_headers: &[SecretHeader],
    headers: &mut HeaderMap,
) -> Result<Vec<(HeaderName, HeaderValue)>, CallError> {
    if secret_headers.is_empty() {
        return Ok(Vec::new());
    }
    for name in headers.keys() {
        check_not_hiding(name)?;
    }
    let mut checked: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for secret in secret_headers {
        let name = check_name(&secret.name)?;
        check_not_hiding(&name)?;
        if headers.contains_key(&name) {
            return Err(invalid(format!(
                "the header {name} is made from a secret and is also among the request's headers: leave one of the two \
                 out"
            )));
        }
        if checked.iter().any(|(other, _)| *other == name) {
            return Err(invalid(format!(
                "the header {name} is made from two secrets: leave one of the two out"
            )));
        }
        let value = value(&name, secret)?;
        checked.push((name, value));
    }
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    Ok(checked)
}

fn check_not_hiding(name: &HeaderName) -> Result<(), CallError> {
    if HIDING.contains(&name.as_str()) {
        return Err(invalid(format!(
            "the header {name} cannot be set in a call with secret headers: the response to it could not be searched for \
             the secret; leave it out"
        )));
    }
    Ok(())
}

fn value(name: &HeaderName, header: &SecretHeader) -> Result<HeaderValue, CallError> {
    let mut value = HeaderValue::from_bytes(header.value.expose()).map_err(|_| {
        let is_valid = |secret: &SecretValue| HeaderValue::from_bytes(secret.expose()).is_ok();
        if header.secrets.iter().all(is_valid) {
            return invalid(format!(
                "the text beside the secret of the header {name} has a byte that no header may have"
            ));
        }
        invalid(format!(
            "the secret of the header {name} has a byte that no header may have, such as the end of a line: whoever set \
             the secret should set it anew, without"
        ))
    })?;
    // A sensitive value enters no compression table of HTTP/2, from which its length or more could be guessed.
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, prefix: &str, secret: &[u8]) -> SecretHeader {
        SecretHeader {
            name: name.into(),
            value: [prefix.as_bytes(), secret].concat().into(),
            secrets: vec![secret.to_vec().into()],
        }
    }

    fn refused(secret_headers: &[SecretHeader], others: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for name in others {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, HeaderValue::from_static("v"));
        }
        match check(secret_headers, &mut headers) {
            Err(CallError::Invalid(text)) => text,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn values_are_prefix_and_secret_and_marked() {
        let mut headers = HeaderMap::new();
        let list = [
            secret("Authorization", "Bearer ", b"hunter2"),
            secret("x-key", "", b"\xe9"),
        ];
        let checked = check(&list, &mut headers).unwrap();
        let expected: [(&str, &[u8]); 2] =
            [("authorization", b"Bearer hunter2"), ("x-key", b"\xe9")];
        for ((name, value), expected) in checked.iter().zip(expected) {
            assert_eq!((name.as_str(), value.as_bytes()), expected);
            assert!(value.is_sensitive(), "{name}");
        }
        assert_eq!(headers[header::ACCEPT_ENCODING], "identity");
    }

    #[test]
    fn without_secrets_nothing_is_asked_of_the_request() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-"));
        assert!(check(&[], &mut headers).unwrap().is_empty());
        assert_eq!(headers.len(), 1);
    }

    #[test]
    fn names_are_checked_as_the_workflows_own() {
        let table = [
            ("", "\"\" is not a header name"),
            ("a\r\nb", "\"a\\r\\nb\" is not a header name"),
            (
                "Host",
                "the header host cannot be set: it is made from the URL; leave it out",
            ),
            (
                "proxy-authorization",
                "the header proxy-authorization cannot be set: it is for proxies, and the host uses none; leave it out",
            ),
        ];
        for (name, expected) in table {
            assert_eq!(refused(&[secret(name, "", b"hunter2")], &[]), expected);
        }
    }

    #[test]
    fn one_header_has_one_value() {
        let key = secret("X-Key", "", b"hunter2");
        assert_eq!(
            refused(std::slice::from_ref(&key), &["x-key"]),
            "the header x-key is made from a secret and is also among the request's headers: leave one of the two out"
        );
        assert_eq!(
            refused(&[key.clone(), key], &[]),
            "the header x-key is made from two secrets: leave one of the two out"
        );
    }

    #[test]
    fn bytes_that_no_header_may_have() {
        assert_eq!(
            refused(&[secret("x-key", "a\n", b"hunter2")], &[]),
            "the text beside the secret of the header x-key has a byte that no header may have"
        );
        let text = refused(&[secret("x-key", "", b"hunter2\n")], &[]);
        assert!(
            text.starts_with("the secret of the header x-key has a byte"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn nothing_may_be_asked_for_that_hides_a_secret() {
        for name in HIDING {
            let expected = format!(
                "the header {name} cannot be set in a call with secret headers: the response to it could not be \
                 searched for the secret; leave it out"
            );
            assert_eq!(
                refused(&[secret("x-key", "", b"hunter2")], &[name]),
                expected
            );
            assert_eq!(refused(&[secret(name, "", b"hunter2")], &[]), expected);
        }
    }
}
