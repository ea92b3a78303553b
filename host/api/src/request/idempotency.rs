//! `Idempotency-Key`, by which a repeated request is known.

use http::{HeaderMap, HeaderName};

use super::Malformed;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Bytes of a key. It is an identifier; a UUID has 36.
const LONGEST: usize = 256;

/// The key of a request, if it has one.
///
/// # Errors
/// When it has several, or what it has is no key.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Malformed> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let value = value
        .to_str()
        .ok()
        .filter(|value| (1..=LONGEST).contains(&value.len()));
    match (value, values.next()) {
        (Some(value), None) => Ok(Some(value.to_owned())),
        _ => Err(Malformed::new(
            "invalid-header",
            "the header Idempotency-Key",
            format!("must be there once, with 1 to {LONGEST} visible ASCII characters"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Result<Option<String>, Malformed> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_str(value).unwrap());
        }
        idempotency_key(&headers)
    }

    #[test]
    fn a_key_is_there_once_and_not_too_long() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["order-7"]), Ok(Some("order-7".into())));
        assert!(read(&[&"k".repeat(LONGEST)]).is_ok());
        for bad in [
            [""].as_slice(),
            &["a", "b"],
            &[&"k".repeat(LONGEST + 1)],
            &["\u{fc}"],
        ] {
            assert_eq!(read(bad).unwrap_err().code, "invalid-header", "{bad:?}");
        }
    }
}
