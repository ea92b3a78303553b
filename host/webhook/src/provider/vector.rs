//! Test vectors of a description: requests, each with its secret and its expected outcome.

use bytes::Bytes;
use dormouse_journal::{Request, Time};

use super::format::{Origin, Verdict};

/// A request, with the outcome that is expected of it.
#[derive(Debug)]
pub(super) struct Vector {
    pub(super) line: usize,
    pub(super) origin: Origin,
    pub(super) secrets: Vec<String>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) time: Time,
    pub(super) request: Request,
    pub(super) verdict: Verdict,
    pub(super) key: Option<Vec<String>>,
    pub(super) answer: Option<String>,
    pub(super) answer_headers: Vec<(String, String)>,
}

impl Vector {
    /// Builds the request of a vector.
    pub(super) fn request(
        method: Option<String>,
        url: Option<String>,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Request {
        let headers = headers.into_iter();
        Request {
            method: method.unwrap_or_else(|| "POST".to_owned()),
            url: url.unwrap_or_else(|| "https://host.example/hooks/token".to_owned()),
            headers: headers
                .map(|(name, value)| (name, Bytes::from(value)))
                .collect(),
            body: body.into(),
        }
    }
}
