//! Reading what the scripted guest saw: bodies and header values are in base64 there.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;

/// The bytes behind a piece of base64.
///
/// # Panics
/// When it is none.
#[must_use]
#[track_caller]
pub fn bytes(encoded: &Value) -> Vec<u8> {
    let text = encoded
        .as_str()
        .unwrap_or_else(|| panic!("no base64: {encoded}"));
    BASE64_STANDARD.decode(text).unwrap()
}

/// The body of a delivery, an event or a response, as text.
///
/// # Panics
/// When there is none.
#[must_use]
#[track_caller]
pub fn body(of: &Value) -> String {
    assert!(of["body"].is_string(), "no body: {of}");
    String::from_utf8(bytes(&of["body"])).unwrap()
}

/// The same as JSON.
///
/// # Panics
/// When it is not JSON.
#[must_use]
#[track_caller]
pub fn json_body(of: &Value) -> Value {
    serde_json::from_str(&body(of)).unwrap()
}

/// The values of one header, in order, from a list of `[name, base64]`.
///
/// # Panics
/// When the list is none.
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
