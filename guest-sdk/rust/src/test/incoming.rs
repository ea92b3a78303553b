//! Requests that a test sends to webhooks.

use serde::Serialize;

use crate::payload::{JSON, TEXT, to_json};

/// A request to a webhook. Its method is POST by default.
///
/// ```
/// use dormouse_sdk::prelude::*;
/// use dormouse_sdk::test::Incoming;
///
/// let paid = Incoming::json(&json!({ "paid": true })).header("x-event", "payment").query("attempt=2");
/// let ping = Incoming::empty().method("GET");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it is sent by `TestRun::deliver`"]
pub struct Incoming {
    pub(crate) method: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Incoming {
    /// Returns a request without a body.
    pub fn empty() -> Self {
        Self {
            method: "POST".into(),
            query: None,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Returns a request with this value as its body, in JSON.
    ///
    /// # Panics
    /// If the value cannot be written as JSON.
    #[track_caller]
    pub fn json(value: &(impl Serialize + ?Sized)) -> Self {
        match to_json(value) {
            Ok(body) => Self::empty().header("content-type", JSON).body(body),
            Err(error) => panic!("the body cannot be written: {error}"),
        }
    }

    /// Returns a request with this text as its body.
    pub fn text(text: &str) -> Self {
        Self::empty().header("content-type", TEXT).body(text)
    }

    /// Sets the method.
    pub fn method(mut self, method: &str) -> Self {
        self.method = method.to_uppercase();
        self
    }

    /// Sets the query, without the `?` before it.
    pub fn query(mut self, query: &str) -> Self {
        self.query = Some(query.into());
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_lowercase(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}
