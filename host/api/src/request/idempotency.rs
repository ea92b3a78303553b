//! `Idempotency-Key`, by which a repeated request is recognised.

use dormouse_webhook::IdempotencyKey;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Malformed;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Returns the key of a request, if it has one.
///
/// # Errors
/// When the request has several keys, or one that is not valid.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Malformed> {
    let values = headers.get_all(IDEMPOTENCY_KEY).iter();
    match IdempotencyKey::read(values.map(HeaderValue::as_bytes)) {
        Ok(key) => Ok(key.map(IdempotencyKey::into_string)),
        Err(invalid) => Err(Malformed {
            code: "invalid-header",
            detail: invalid.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Option<String>, Malformed> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_str(value).unwrap());
        }
        idempotency_key(&headers)
    }

    #[test]
    fn a_key_is_read_as_for_webhooks() {
        assert_eq!(read(&[]), Ok(None));
        for value in ["order 7", "\"order 7\""] {
            assert_eq!(read(&[value]), Ok(Some("order 7".into())));
        }
        for (bad, expected) in [
            ([""].as_slice(), "the header Idempotency-Key is empty"),
            (
                &["a", "b"],
                "the request has more than one header Idempotency-Key",
            ),
            (&["\u{fc}"], "the header Idempotency-Key has the byte 0xc3"),
        ] {
            let malformed = read(bad).unwrap_err();
            assert_eq!(malformed.code, "invalid-header");
            assert!(malformed.detail.starts_with(expected), "{malformed}");
        }
    }
}
