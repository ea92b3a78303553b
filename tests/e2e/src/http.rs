//! An HTTP client without automatisms: no redirects, no reuse of connections, and every status is an
//! answer.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, AsSendBody};

use crate::waiting::TIMEOUT;

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // A connection that was kept open could belong to a host that was killed since.
        .max_idle_connections(0)
        .proxy(None)
        .build();
    config.into()
});

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    within: Duration,
}

/// Returns a request with this method.
#[must_use]
pub fn request(method: &str, url: impl Into<String>) -> Request {
    Request {
        method: method.to_owned(),
        url: url.into(),
        headers: Vec::new(),
        body: Vec::new(),
        within: TIMEOUT,
    }
}

/// Sends a POST.
pub fn post(url: impl Into<String>, body: impl AsRef<[u8]>) -> Answer {
    request("POST", url).body(body).send()
}

impl Request {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Adds headers.
    #[must_use]
    pub fn headers<V: AsRef<[u8]>>(self, headers: &[(&str, V)]) -> Self {
        headers
            .iter()
            .fold(self, |request, (name, value)| request.header(name, value))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_owned();
        self
    }

    /// Sets the body to JSON, and adds its content type.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Sets the time limit for the answer. The default is enough for most requests.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Sends the request.
    ///
    /// # Panics
    /// If there is no answer.
    #[track_caller]
    pub fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.url);
        self.try_send()
            .unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Sends the request to a host that may be dead, or may die from it.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn try_send(self) -> Result<Answer, ureq::Error> {
        let mut builder = ureq::http::Request::builder()
            .method(self.method.as_str())
            .uri(&self.url);
        for (name, value) in &self.headers {
            builder = builder.header(name, value.as_slice());
        }
        let takes_none = matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "DELETE");
        let response = if self.body.is_empty() && takes_none {
            run(builder.body(())?, self.within)?
        } else {
            run(builder.body(self.body)?, self.within)?
        };
        let (parts, mut body) = response.into_parts();
        let body = body.with_config().limit(64 << 20).read_to_vec()?;
        let headers = parts.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_owned()));
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body,
        })
    }
}

fn run<S: AsSendBody>(
    request: ureq::http::Request<S>,
    within: Duration,
) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let request = AGENT.configure_request(request);
    AGENT.run(request.timeout_global(Some(within)).build())
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Every header. The names are in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns the answer unchanged if it has this status.
    ///
    /// # Panics
    /// If it has another status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Returns the answer unchanged if it is a problem with this status and this code.
    ///
    /// # Panics
    /// If it is anything else.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert!(
            problem["title"].is_string() && problem["detail"].is_string(),
            "{problem}"
        );
        self
    }

    /// Returns the text that a problem has for people.
    #[must_use]
    pub fn detail(&self) -> String {
        self.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Returns the first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        std::str::from_utf8(value).ok()
    }

    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    /// If the body is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {}", self.text()),
        }
    }

    /// Returns a text field of a JSON body.
    ///
    /// # Panics
    /// If there is no such field.
    #[must_use]
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let value = self.json();
        value[name]
            .as_str()
            .unwrap_or_else(|| panic!("no `{name}` in {value}"))
            .to_owned()
    }
}
