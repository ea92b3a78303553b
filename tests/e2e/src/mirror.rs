//! Reads the output of the scripted guest, in which bodies and header values are in base64.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;

/// Decodes base64.
///
/// # Panics
/// If the text is not base64.
#[must_use]
#[track_caller]
pub fn bytes(encoded: &Value) -> Vec<u8> {
    let text = encoded
        .as_str()
        .unwrap_or_else(|| panic!("no base64: {encoded}"));
    BASE64_STANDARD.decode(text).unwrap()
}

/// Returns the body of a delivery, an event or a response, as text.
///
/// # Panics
/// If there is no body.
#[must_use]
#[track_caller]
pub fn body(of: &Value) -> String {
    assert!(of["body"].is_string(), "no body: {of}");
    String::from_utf8(bytes(&of["body"])).unwrap()
}

/// Returns the body of a delivery, an event or a response, as JSON.
///
/// # Panics
/// If the body is not JSON.
#[must_use]
#[track_caller]
pub fn json_body(of: &Value) -> Value {
    serde_json::from_str(&body(of)).unwrap()
}

/// Returns the values of one header, in order, from a list of `[name, base64]`.
///
/// # Panics
/// If it is not such a list.
#[must_use]
#[track_caller]
pub fn header_values(headers: &Value, name: &str) -> Vec<Vec<u8>> {
    let headers = headers
        .as_array()
        .unwrap_or_else(|| panic!("no headers: {headers}"));
    let named = |header: &&Value| {
        header[0]
            .as_str()
            .is_some_and(|n| n.eq_ignore_ascii_case(name))
    };
    headers
        .iter()
        .filter(named)
        .map(|header| bytes(&header[1]))
        .collect()
}
