//! HTTP responses: what a call brings, and what a caller is answered.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::dormouse::workflow::types;
use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::payload::{JSON, TEXT, from_json, from_text, to_json};

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
    /// Every header, in order, repeats included.
    pub headers: Headers,
    /// The body's bytes, untouched.
    pub body: Vec<u8>,
}

impl Response {
    /// A response with this status, and nothing else yet.
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
        }
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

    /// The response if its status is one of success (200 to 299), and an error with the code
    /// `http-status` if not.
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
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let mut message = format!("the service answered with status {}", self.status);
        let body = String::from_utf8_lossy(&self.body);
        if !body.is_empty() {
            message.push_str(": ");
            message.extend(body.chars().take(SHOWN_OF_A_BODY));
        }
        Err(Error::new("http-status", message))
    }

    /// The body read as JSON, as [`Payload::json`](crate::Payload::json) does.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let response = Response::new(200).with_text("[1, 2]");
    /// assert_eq!(response.json::<Vec<u32>>().unwrap(), [1, 2]);
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        from_json("the body of the response", &self.body)
    }

    /// The body read as text, as [`Payload::text`](crate::Payload::text) does.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// assert_eq!(Response::new(200).with_text("yes").text().unwrap(), "yes");
    /// ```
    pub fn text(&self) -> Result<&str> {
        from_text("the body of the response", &self.body)
    }

    /// The first value of a header, if it is text.
    ///
    /// ```
    /// # use dormouse_sdk::Response;
    /// let response = Response::new(303).with_header("location", "/thanks");
    /// assert_eq!(response.header("Location"), Some("/thanks"));
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    pub(crate) fn from_contract(response: types::Response) -> Self {
        let types::Response {
            status,
            headers,
            body,
        } = response;
        Self {
            status,
            headers: Headers::from_contract(headers),
            body,
        }
    }

    pub(crate) fn into_contract(self) -> types::Response {
        let Self {
            status,
            headers,
            body,
        } = self;
        types::Response {
            status,
            headers: headers.into_contract(),
            body,
        }
    }
}

/// How many characters of a body go into an error: enough for most services' own message.
const SHOWN_OF_A_BODY: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_success_passes() {
        for status in [200, 202, 299] {
            assert!(Response::new(status).error_for_status().is_ok());
        }
        for status in [101, 199, 300, 303, 404, 500] {
            let error = Response::new(status).error_for_status().unwrap_err();
            assert_eq!(error.code(), "http-status");
            assert_eq!(
                error.message(),
                format!("the service answered with status {status}")
            );
        }
    }

    #[test]
    fn the_error_shows_the_beginning_of_the_body() {
        let response = Response::new(422).with_text("é".repeat(300));
        let error = response.error_for_status().unwrap_err();
        let expected = format!("the service answered with status 422: {}", "é".repeat(200));
        assert_eq!(error.message(), expected);
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
        assert_eq!(
            Response::from_contract(response.clone().into_contract()),
            response
        );
    }
}
