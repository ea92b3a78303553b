//! The output of a run as a JSON value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dormouse_journal::Payload;
use serde_json::value::RawValue;

/// Returns a run's output as a JSON value: JSON is returned digit for digit, anything else is
/// wrapped.
#[must_use]
pub fn output(payload: &Payload) -> Option<Box<RawValue>> {
    if is_json(&payload.content_type)
        && let Ok(value) = serde_json::from_slice(&payload.body)
    {
        return Some(value);
    }
    let wrapped = serde_json::json!({
        "content_type": payload.content_type,
        "base64": STANDARD.encode(&payload.body),
    });
    serde_json::value::to_raw_value(&wrapped).ok()
}

/// Returns true if a media type is JSON, or based on it (`application/problem+json`).
#[must_use]
pub fn is_json(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn output(content_type: &str, body: &'static [u8]) -> String {
        let payload = Payload {
            content_type: content_type.into(),
            body: body.into(),
        };
        super::output(&payload).unwrap().to_string()
    }

    #[test]
    fn json_output_is_unchanged() {
        let digits = b"{\"n\": 12345678901234567890123, \"f\": 1.10}";
        assert_eq!(
            output("application/json", digits),
            String::from_utf8_lossy(digits)
        );
        assert_eq!(output("Application/JSON; charset=utf-8", b"null"), "null");
        assert_eq!(output("application/problem+json", b" [1]"), "[1]");
    }

    /// The order of the fields has no meaning.
    fn wrapped(content_type: &str, body: &'static [u8]) -> serde_json::Value {
        serde_json::from_str(&output(content_type, body)).unwrap()
    }

    #[test]
    fn other_output_is_wrapped() {
        assert_eq!(
            wrapped("text/plain", b"1"),
            json!({"base64": "MQ==", "content_type": "text/plain"})
        );
        assert_eq!(wrapped("", b""), json!({"base64": "", "content_type": ""}));
    }

    #[test]
    fn output_that_only_says_it_is_json_is_wrapped() {
        assert_eq!(
            wrapped("application/json", b"{]"),
            json!({"base64": "e10=", "content_type": "application/json"})
        );
    }
}
