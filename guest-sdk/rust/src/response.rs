//! HTTP responses: the results of calls, and the answers to callers.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::content_encoding::{DECODED_LIMIT, decode};
use crate::contract::types;
use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::payload::{HTML, JSON, TEXT, from_decoded_text, from_json, to_json};
use crate::url_encoded;

/// An HTTP response.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// let response = ctx.get("https://example.com/price").send("get price").await?;
/// if response.status == 200 {
///     let price: f64 = response.json()?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Every header, in order, with repeats.
    pub headers: Headers,
    /// The bytes of the body as they were received, which may be compressed.
    pub body: Vec<u8>,
    /// The call that got this response.
    origin: Option<Origin>,
}

/// A call, for the error that a bad status is turned into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) step: String,
    pub(crate) method: String,
    pub(crate) url: String,
}

impl Response {
    /// Returns a response with this status, without headers and body.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let response = Response::new(204);
    /// ```
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Headers::default(),
            body: Vec::new(),
            origin: None,
        }
    }

    /// Returns a page with status 200, for people who open a webhook's URL in a browser.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(request: &Delivery) {
    /// request.respond(Response::html("<h1>Thank you</h1>"));
    /// # }
    /// ```
    pub fn html(page: impl Into<String>) -> Self {
        Self::new(200).with_html(page)
    }

    /// Adds a header.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let response = Response::new(303).with_header("location", "/thanks");
    /// ```
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the body's bytes.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let response = Response::new(200).with_header("content-type", "image/png").with_body([0x89]);
    /// ```
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to text, and the content type unless there is one.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let response = Response::new(200).with_text("thank you");
    /// ```
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.headers.default_content_type(TEXT);
        self.with_body(text.into())
    }

    /// Sets the body to a page, and the content type unless there is one.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let response = Response::new(404).with_html("<h1>No such order</h1>");
    /// ```
    #[must_use]
    pub fn with_html(mut self, page: impl Into<String>) -> Self {
        self.headers.default_content_type(HTML);
        self.with_body(page.into())
    }

    /// Sets the body to a value as JSON, and the content type unless there is one.
    ///
    /// ```
    /// # use dormouse_sdk::{Response, Result, json};
    /// # fn example() -> Result<Response> {
    /// Response::new(200).with_json(&json!({ "ok": true }))
    /// # }
    /// ```
    pub fn with_json(mut self, value: &(impl Serialize + ?Sized)) -> Result<Self> {
        self.headers.default_content_type(JSON);
        Ok(self.with_body(to_json(value)?))
    }

    /// Returns the response if its status is below 400, and otherwise an error with the code
    /// `http-status`. The error names the call: its step, its method, its URL without the query, and
    /// the status, which [`Error::status`] also returns.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let price: f64 = ctx
    ///     .get("https://example.com/price")
    ///     .send("get price")
    ///     .await?
    ///     .error_for_status()?
    ///     .json()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn error_for_status(self) -> Result<Self> {
        if self.status < 400 {
            return Ok(self);
        }
        let status = self.status;
        let mut message = match &self.origin {
            Some(Origin { step, method, url }) => {
                let url = url_encoded::shown(url);
                format!("call `{step}` ({method} {url}) was answered with status {status}")
            }
            None => format!("the service answered with status {status}"),
        };
        // The status is more important than a body that cannot be decoded.
        let body = self.decoded(DECODED_LIMIT).unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        if !body.is_empty() {
            message.push_str(": ");
            message.extend(body.chars().take(SHOWN_OF_A_BODY));
        }
        Err(Error::new("http-status", message).with_status(status))
    }

    /// Reads the body as JSON, as [`Payload::json`](crate::Payload::json) does. A compressed body is
    /// decoded first, up to [`DECODED_LIMIT`](crate::DECODED_LIMIT).
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let response = Response::new(200).with_text("[1, 2]");
    /// assert_eq!(response.json::<Vec<u32>>().unwrap(), [1, 2]);
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        from_json(BODY, &self.decoded(DECODED_LIMIT)?)
    }

    /// Reads the body as text, as [`Payload::text`](crate::Payload::text) does, and decodes it as
    /// [`json`](Self::json) does.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// assert_eq!(Response::new(200).with_text("yes").text().unwrap(), "yes");
    /// ```
    pub fn text(&self) -> Result<Cow<'_, str>> {
        from_decoded_text(BODY, self.decoded(DECODED_LIMIT)?)
    }

    /// Reads the body as names and values, as [`Payload::form`](crate::Payload::form) does, and
    /// decodes it as [`json`](Self::json) does. Some services answer in this form, such as those
    /// with OAuth 1.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let response = Response::new(200).with_body("token=a&expires=60");
    /// let pairs: Vec<(String, String)> = response.form().unwrap();
    /// assert_eq!(pairs[1].1, "60");
    /// ```
    pub fn form<T: DeserializeOwned>(&self) -> Result<T> {
        let content_type = self.header("content-type").unwrap_or_default();
        url_encoded::decode(BODY, content_type, &self.decoded(DECODED_LIMIT)?)
    }

    /// Returns the bytes of the body without their `Content-Encoding`, as
    /// [`Delivery::decoded`](crate::Delivery::decoded) does.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let response = Response::new(200).with_body("a,b");
    /// assert_eq!(response.decoded(3).unwrap(), b"a,b".as_slice());
    /// ```
    pub fn decoded(&self, limit: usize) -> Result<Cow<'_, [u8]>> {
        decode(BODY, &self.headers, &self.body, limit)
    }

    /// Returns the first value of a header, if it is text.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let response = Response::new(303).with_header("location", "/thanks");
    /// assert_eq!(response.header("Location"), Some("/thanks"));
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    pub(crate) fn from_contract(response: types::Response, origin: Origin) -> Self {
        let types::Response {
            status,
            headers,
            body,
        } = response;
        Self {
            status,
            headers: Headers::from_contract(headers),
            body,
            origin: Some(origin),
        }
    }

    pub(crate) fn into_contract(self) -> types::Response {
        let Self {
            status,
            headers,
            body,
            origin: _,
        } = self;
        types::Response {
            status,
            headers: headers.into_contract(),
            body,
        }
    }
}

/// The name of the body in errors.
const BODY: &str = "the body of the response";

/// The number of characters of a body that are put into an error. They are enough for the messages
/// of most services.
const SHOWN_OF_A_BODY: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn response_with(status: u16) -> Response {
        let origin = Origin {
            step: "get price".into(),
            method: "GET".into(),
            url: "https://me:pass@a.example/price?key=1".into(),
        };
        Response::from_contract(Response::new(status).into_contract(), origin)
    }

    #[test]
    fn an_error_begins_at_400_and_names_the_call() {
        for status in [101, 200, 204, 303, 399] {
            assert!(response_with(status).error_for_status().is_ok(), "{status}");
        }
        for status in [400, 404, 500, 599] {
            let error = response_with(status).error_for_status().unwrap_err();
            assert_eq!(
                (error.code(), error.status()),
                ("http-status", Some(status))
            );
            assert_eq!(
                error.message(),
                format!(
                    "call `get price` (GET https://a.example/price) was answered with status {status}"
                )
            );
        }
    }

    #[test]
    fn a_page_is_html() {
        let page = Response::html("<p>é");
        assert_eq!((page.status, &*page.text().unwrap()), (200, "<p>é"));
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let xhtml = Response::new(200)
            .with_header("content-type", "application/xhtml+xml")
            .with_html("<p/>");
        assert_eq!(xhtml.header("content-type"), Some("application/xhtml+xml"));
    }

    #[test]
    fn the_error_shows_the_beginning_of_the_body() {
        let response = Response::new(422).with_text("é".repeat(300));
        let error = response.error_for_status().unwrap_err();
        let expected = format!("the service answered with status 422: {}", "é".repeat(200));
        assert_eq!(error.message(), expected);
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn a_compressed_body_is_decoded_also_for_the_error() {
        // `[1]`, compressed by gzip.
        let gzip = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\x8b6\x8c\x05\0\xb82/L\x03\0\0\0";
        let response = Response::new(500)
            .with_header("content-encoding", "gzip")
            .with_body(gzip);
        assert_eq!(response.json::<Vec<u32>>().unwrap(), [1]);
        assert_eq!(response.text().unwrap(), "[1]");
        let error = response.error_for_status().unwrap_err();
        assert_eq!(error.message(), "the service answered with status 500: [1]");
        let broken = Response::new(500)
            .with_header("content-encoding", "gzip")
            .with_body(*b"[1]");
        assert_eq!(broken.text().unwrap_err().code(), "invalid-encoding");
        assert_eq!(
            broken.error_for_status().unwrap_err().message(),
            "the service answered with status 500"
        );
    }

    #[test]
    fn bodies_name_their_type_once() {
        let response = Response::new(200).with_json(&1).unwrap();
        assert_eq!(response.header("content-type"), Some(JSON));
        let response = Response::new(200)
            .with_header("Content-Type", "text/csv")
            .with_text("a,b");
        assert_eq!(
            response.headers.get_all("content-type").collect::<Vec<_>>(),
            [b"text/csv"]
        );
    }

    #[test]
    fn goes_to_the_contract_and_back() {
        let response = Response::new(200)
            .with_header("a", [0xff])
            .with_body([0, 1]);
        let origin = Origin {
            step: "a".into(),
            method: "GET".into(),
            url: "http://a".into(),
        };
        let expected = Response {
            origin: Some(origin.clone()),
            ..response.clone()
        };
        assert_eq!(
            Response::from_contract(response.into_contract(), origin),
            expected
        );
    }
}
