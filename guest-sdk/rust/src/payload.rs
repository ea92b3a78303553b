//! Bytes with a media type, and the JSON in them: the inputs, outputs and events of runs.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::bindings;
use crate::content_encoding::looks_like;
use crate::error::{Error, Result};
use crate::field_path::place;
use crate::text_marks::without_mark;
use crate::{unaltered, url_encoded};

/// Bytes with a media type.
///
/// A workflow whose input or output is a `Payload` gets or returns the bytes unchanged. Any other
/// type is read from JSON or written as JSON:
///
/// ```standalone_crate
/// use dormouse_sdk::prelude::*;
///
/// #[workflow]
/// async fn echo(_ctx: Context, input: Payload) -> Result<Payload> {
///     Ok(input)
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// The media type of `body`, such as `application/json`. It is empty if the sender gave none.
    pub content_type: String,
    /// The bytes.
    pub body: Vec<u8>,
}

impl Payload {
    /// Returns a payload of these bytes with this media type.
    ///
    /// ```
    /// # use dormouse_sdk::Payload;
    /// let picture = Payload::new("image/png", b"\x89PNG".as_slice());
    /// ```
    pub fn new(content_type: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            content_type: content_type.into(),
            body: body.into(),
        }
    }

    /// Returns a value as JSON. If JSON cannot hold the value, the error has the code
    /// `invalid-json`.
    ///
    /// ```
    /// # use dormouse_sdk::Payload;
    /// let payload = Payload::of_json(&[1, 2, 3]).unwrap();
    /// assert_eq!(payload.body, b"[1,2,3]");
    /// assert_eq!(payload.content_type, "application/json");
    /// ```
    pub fn of_json(value: &(impl Serialize + ?Sized)) -> Result<Self> {
        Ok(Self::new(JSON, to_json(value)?))
    }

    /// Reads the body as JSON, whatever its content type. An empty body is `null`, and a UTF-8 byte
    /// order mark before the JSON is skipped.
    ///
    /// For a body of another shape, the error has the code `invalid-json` and names the field. It is
    /// also returned for JSON that could not be read exactly: an object with the same key twice, or
    /// an integer beyond 64 bits that would be rounded.
    ///
    /// ```
    /// # use dormouse_sdk::Payload;
    /// let payload = Payload::new("", b"[1,2,3]".as_slice());
    /// assert_eq!(payload.json::<Vec<u32>>().unwrap(), [1, 2, 3]);
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        from_json("the payload", &self.body)
    }

    /// Reads the body as text, without a byte order mark. If the body is not UTF-8, the error has
    /// the code `invalid-text`.
    ///
    /// ```
    /// # use dormouse_sdk::Payload;
    /// assert_eq!(Payload::new("", "hello").text().unwrap(), "hello");
    /// ```
    pub fn text(&self) -> Result<&str> {
        from_text("the payload", &self.body)
    }

    /// Reads the body as a form (`application/x-www-form-urlencoded`, which HTML forms send by
    /// default), into a struct or, if names may repeat, into a list of pairs.
    ///
    /// The error has the code `invalid-form` and names the field.
    ///
    /// ```
    /// # use dormouse_sdk::Payload;
    /// let payload = Payload::new("", "name=Ann+Lee&age=7");
    /// let pairs: Vec<(String, String)> = payload.form().unwrap();
    /// assert_eq!(pairs[0], ("name".into(), "Ann Lee".into()));
    /// ```
    pub fn form<T: DeserializeOwned>(&self) -> Result<T> {
        url_encoded::decode("the payload", &self.content_type, &self.body)
    }

    pub(crate) fn from_contract(payload: bindings::Payload) -> Self {
        let bindings::Payload { content_type, body } = payload;
        Self { content_type, body }
    }

    pub(crate) fn into_contract(self) -> bindings::Payload {
        bindings::Payload {
            content_type: self.content_type,
            body: self.body,
        }
    }
}

/// A type that can be read from a [`Payload`]: every type that `serde` deserialises, from JSON, and
/// `Payload` itself.
///
/// ```
/// # use dormouse_sdk::{FromPayload, Payload};
/// let payload = Payload::new("", "5");
/// assert_eq!(u32::from_payload(payload).unwrap(), 5);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a payload",
    note = "derive `serde::Deserialize` for it, or take a `Payload` to get the bytes as they are"
)]
pub trait FromPayload: Sized {
    /// Reads the value, as [`Payload::json`] does.
    ///
    /// ```
    /// # use dormouse_sdk::{FromPayload, Payload};
    /// <()>::from_payload(Payload::default()).unwrap();
    /// ```
    fn from_payload(payload: Payload) -> Result<Self>;
}

impl<T: DeserializeOwned> FromPayload for T {
    fn from_payload(payload: Payload) -> Result<Self> {
        payload.json()
    }
}

impl FromPayload for Payload {
    fn from_payload(payload: Payload) -> Result<Self> {
        Ok(payload)
    }
}

/// A type that can be made a [`Payload`]: every type that `serde` serialises, as JSON, and `Payload`
/// itself.
///
/// ```
/// # use dormouse_sdk::IntoPayload;
/// assert_eq!("a".into_payload().unwrap().body, b"\"a\"");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made a payload",
    note = "derive `serde::Serialize` for it, or give a `Payload` to send the bytes as they are"
)]
pub trait IntoPayload {
    /// Writes the value, as [`Payload::of_json`] does.
    ///
    /// ```
    /// # use dormouse_sdk::IntoPayload;
    /// assert_eq!(().into_payload().unwrap().body, b"null");
    /// ```
    fn into_payload(self) -> Result<Payload>;
}

impl<T: Serialize> IntoPayload for T {
    fn into_payload(self) -> Result<Payload> {
        Payload::of_json(&self)
    }
}

impl IntoPayload for Payload {
    fn into_payload(self) -> Result<Payload> {
        Ok(self)
    }
}

pub(crate) const JSON: &str = "application/json";
pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| {
        Error::new(
            "invalid-json",
            format!("a value cannot be written as JSON: {error}"),
        )
    })
}

/// Reads JSON. `what` names the body in the error.
pub(crate) fn from_json<T: DeserializeOwned>(what: &str, body: &[u8]) -> Result<T> {
    let body = without_mark(body)
        .map_err(|problem| Error::new("invalid-json", format!("{what} {problem}")))?;
    let json = if body.is_empty() { b"null" } else { body };
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut reader);
    let (place, error) = match value {
        Ok(value) => match (reader.end(), unaltered::check(json)) {
            (Ok(()), Ok(())) => return Ok(value),
            (Err(error), _) => (String::new(), error),
            (Ok(()), Err(error)) => (place(error.path()), error.into_inner()),
        },
        Err(error) => (place(error.path()), error.into_inner()),
    };
    let problem = match error.classify() {
        _ if body.is_empty() => "is empty",
        Category::Data => "does not fit",
        Category::Syntax | Category::Eof | Category::Io => "is not JSON",
    };
    let cause = encoding_hint(body);
    Err(Error::new(
        "invalid-json",
        format!("{what} {problem}: {cause}{place}{error}"),
    ))
}

pub(crate) fn from_text<'a>(what: &str, body: &'a [u8]) -> Result<&'a str> {
    let invalid = |problem| Error::new("invalid-text", format!("{what} {problem}"));
    let body = without_mark(body).map_err(invalid)?;
    str::from_utf8(body).map_err(|error| {
        let cause = encoding_hint(body);
        invalid(format!("is not text in UTF-8: {cause}{error}"))
    })
}

/// Reads text from a body that was decoded, and may still be the sender's own bytes.
pub(crate) fn from_decoded_text<'a>(what: &str, body: Cow<'a, [u8]>) -> Result<Cow<'a, str>> {
    match body {
        Cow::Borrowed(body) => from_text(what, body).map(Cow::Borrowed),
        Cow::Owned(body) => from_text(what, &body).map(|text| Cow::Owned(text.to_owned())),
    }
}

/// Returns a hint why a body cannot be read: it looks compressed, and was not decoded.
fn encoding_hint(body: &[u8]) -> String {
    match looks_like(body) {
        Some(encoding) => {
            format!("it looks compressed with {encoding}: ")
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Order {
        items: Vec<Item>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Item {
        price: f64,
    }

    fn check_error(json: &str, expected: &str) {
        let error = from_json::<Order>("the input", json.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "invalid-json");
        assert_eq!(error.message(), expected);
    }

    #[test]
    fn the_error_names_the_field() {
        check_error(
            r#"{"items": [{"price": 1}, {"price": "free"}]}"#,
            "the input does not fit: at `items[1].price`: \
             invalid type: string \"free\", expected f64 at line 1 column 41",
        );
        check_error(
            r#"{"item": []}"#,
            "the input does not fit: missing field `items` at line 1 column 12",
        );
        check_error(
            r#"{"items": []} {}"#,
            "the input is not JSON: trailing characters at line 1 column 15",
        );
        check_error(
            "",
            "the input is empty: invalid type: null, expected struct Order at line 1 column 4",
        );
    }

    #[test]
    fn nothing_is_altered_silently() {
        let error =
            |json: &str| from_json::<serde_json::Value>("the input", json.as_bytes()).unwrap_err();
        let rounded = error(r#"{"ids": [18446744073709551617]}"#);
        assert_eq!(rounded.code(), "invalid-json");
        assert_eq!(
            rounded.message(),
            "the input does not fit: at `ids[0]`: the number 18446744073709551617 would be rounded \
             to 18446744073709551616; send it as a string at line 1 column 29"
        );
        assert_eq!(
            error(r#"{"id": 1, "id": 2}"#).message(),
            "the input does not fit: the key `id` occurs more than once at line 1 column 14"
        );
    }

    #[test]
    fn a_mark_of_utf_8_is_passed_over_and_others_are_named() {
        let payload = Payload::new("application/json", b"\xef\xbb\xbf[1]");
        assert_eq!(payload.json::<Vec<u32>>().unwrap(), [1]);
        assert_eq!(payload.text().unwrap(), "[1]");
        let empty = Payload::new("", b"\xef\xbb\xbf");
        assert_eq!(empty.json::<Option<u32>>().unwrap(), None);

        let payload = Payload::new("", b"\xff\xfe1\0");
        let expected =
            "the payload begins with the byte order mark of UTF-16 (FF FE); only UTF-8 is read";
        let error = payload.json::<u32>().unwrap_err();
        assert_eq!((error.code(), error.message()), ("invalid-json", expected));
        let error = payload.text().unwrap_err();
        assert_eq!((error.code(), error.message()), ("invalid-text", expected));
        let error = payload.form::<Vec<(String, String)>>().unwrap_err();
        assert_eq!((error.code(), error.message()), ("invalid-form", expected));
    }

    #[test]
    fn a_body_that_looks_compressed_is_reported_as_such() {
        let payload = Payload::new("application/json", [0x1f, 0x8b, 8, 0]);
        let expected = "it looks compressed with gzip";
        for error in [
            payload.json::<u32>().unwrap_err(),
            payload.text().unwrap_err(),
        ] {
            assert!(error.message().contains(expected), "{error}");
        }
    }

    #[test]
    fn an_empty_body_is_null() {
        let payload = Payload::default();
        assert_eq!(payload.json::<Option<u32>>().unwrap(), None);
        payload.json::<()>().unwrap();
    }

    #[test]
    fn the_content_type_does_not_matter() {
        let payload = Payload::new("text/plain", r#"{"items":[]}"#);
        assert_eq!(
            payload.json::<Order>().unwrap(),
            Order { items: Vec::new() }
        );
    }

    #[test]
    fn a_payload_stays_as_it_is() {
        let payload = Payload::new("image/png", [0xff, 0]);
        assert_eq!(Payload::from_payload(payload.clone()).unwrap(), payload);
        assert_eq!(payload.clone().into_payload().unwrap(), payload);
        assert_eq!(payload.text().unwrap_err().code(), "invalid-text");
    }

    #[test]
    fn values_that_json_cannot_hold() {
        let map = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert_eq!(map.into_payload().unwrap_err().code(), "invalid-json");
    }
}
