//! The errors that callers get: RFC 9457 problem details, each with a stable code.
//!
//! The files beside this one map errors of the lower layers to a status and a code, by subject. An error that only one
//! layer knows, such as a malformed head or a missing token, becomes a [`Problem`] where it is found. The text for the
//! caller says what to do. Errors that only the operator can act on (a failed disk, a damaged row) go to the log and
//! not to the caller.

mod events;
mod host;
mod repairs;
mod requests;
mod runs;
mod secrets;
mod webhooks;
mod workflows;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use dormouse_api::{Difference, ProblemBody};
use dormouse_journal::Response as Answer;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};

/// The media type of RFC 9457.
pub const CONTENT: &str = "application/problem+json";

/// Seconds after which to try again if the host restarts or is about to.
const RETRY_RESTART: &str = "5";

/// Seconds after which to try again if room must be made first: on the disk, or in an inbox.
const RETRY_ROOM: &str = "30";

/// Seconds after which to try again if the run has failed. Somebody must retry the run.
const RETRY_FAILED: &str = "60";

/// The reason why a request was not answered as asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    difference: Option<Box<Difference>>,
    /// The response that is sent instead, for a provider that expects another one.
    instead: Option<Box<Answer>>,
}

impl Problem {
    /// Creates a problem. The code is for programs and never changes. The detail is for people, and says what to do.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            status,
            code,
            detail: detail.into(),
            headers: Vec::new(),
            difference: None,
            instead: None,
        }
    }

    /// Sends this response instead of the problem. The problem is still counted.
    #[must_use]
    pub fn answered_by(mut self, instead: Option<Answer>) -> Self {
        self.instead = instead.map(Box::new);
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the difference between code and a run's journal, if that is the problem.
    #[must_use]
    pub fn difference(&self) -> Option<&Difference> {
        self.difference.as_deref()
    }

    /// Returns the text for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    fn unavailable(code: &'static str, detail: &str, seconds: &'static str) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(seconds)
    }

    fn retry_after(self, seconds: &'static str) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from_static(seconds))
    }

    fn with_code(self, code: String) -> Response {
        if let Some(answer) = self.instead {
            return authored(*answer);
        }
        let body = ProblemBody {
            kind: "about:blank".into(),
            title: self.status.canonical_reason().unwrap_or("Problem").into(),
            status: self.status.as_u16(),
            detail: self.detail,
            code,
            difference: self.difference,
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
        response.headers_mut().extend(self.headers);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.code.to_owned();
        self.with_code(code)
    }
}

/// Returns a response that somebody else wrote.
pub(crate) fn authored(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    // An invalid status or header was refused when the response was made.
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value)) {
            headers.append(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests;
