//! JSON in a request's body.

use serde::de::DeserializeOwned;

/// The body as an object with the fields of `T`, each there once; none when it is anything else.
pub(crate) fn object<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    // A derived `Deserialize` takes an array as well, field by field.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(body).ok()
}
