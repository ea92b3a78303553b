//! The client of the API: blocking HTTP, and problems as errors.

use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
use std::io::{BufRead as _, BufReader, Read};
use std::net::IpAddr;
use std::time::Duration;

use dormouse_api::ProblemBody;
use dormouse_config::ApiToken;
use dormouse_journal::Until;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, Method, Request, Response, request};
use serde::de::DeserializeOwned;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;
use ureq::{Agent, SendBody};
use url::{Host, Url};

use crate::error::CliError;

/// The time within which a host must take a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// The size of the largest answer that is read into memory. The API's pages are far smaller. An output can be larger
/// only if the host's limit on bodies was raised beyond reason.
const LARGEST_ANSWER: u64 = 4 << 30;

/// A client of one host.
pub(crate) struct Client {
    agent: Agent,
    server: Url,
    bearer: Option<String>,
}

/// An answer that is not a problem.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    server: String,
}

/// An answer that may be too large for memory, and is read piece by piece.
pub(crate) struct Download {
    pub(crate) length: u64,
    pub(crate) body: Box<dyn Read>,
}

/// The body of a request.
pub(crate) struct Body<'a> {
    pub(crate) content_type: &'a str,
    pub(crate) bytes: &'a mut dyn Read,
    pub(crate) length: u64,
}

impl Client {
    pub(crate) fn new(server: &str, token: Option<&ApiToken>) -> Result<Self, CliError> {
        let form = "give a URL such as http://127.0.0.1:4100";
        let url = Url::parse(server).map_err(|error| {
            CliError::Usage(format!("--server {server:?} is not a URL: {error}; {form}"))
        })?;
        if !is_web(&url) {
            return Err(CliError::Usage(format!(
                "--server {server:?} is neither http nor https; {form}"
            )));
        }
        let bearer = token.map(ApiToken::as_bearer);
        Ok(Client {
            agent: agent(&url).build().into(),
            server: url,
            bearer,
        })
    }

    /// Returns the URL of a resource. The names and ids in its path are escaped.
    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.server.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(segments);
        }
        url
    }

    /// Returns the URL of a resource beside the API.
    pub(crate) fn root_url(&self, segment: &str) -> Url {
        let mut url = self.server.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(segment);
        }
        url
    }

    pub(crate) fn get(&self, url: &Url) -> Result<Answer, CliError> {
        self.send(Method::GET, url, &[], None)
    }

    /// Sends a GET whose answer the host holds until the run has come as far as `until`, or for at most this many
    /// seconds.
    pub(crate) fn get_waiting(
        &self,
        url: &Url,
        until: Until,
        seconds: u32,
    ) -> Result<Answer, CliError> {
        let prefer = format!("wait={seconds}; until={}", until.as_str());
        self.send(
            Method::GET,
            url,
            &[(HeaderName::from_static("prefer"), &prefer)],
            None,
        )
    }

    pub(crate) fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(HeaderName, &str)],
        body: Option<Body<'_>>,
    ) -> Result<Answer, CliError> {
        let mut request = self.request(method, url);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let answer = match body {
            None => {
                let request = request.body(()).map_err(|error| usage(&error))?;
                self.agent
                    .run(request)
                    .map_err(|error| self.unreachable(&error))
            }
            Some(body) => {
                if !body.content_type.is_empty() {
                    request = request.header(CONTENT_TYPE, body.content_type);
                }
                let request = request.header(CONTENT_LENGTH, body.length);
                let body = SendBody::from_reader(body.bytes);
                let request = request.body(body).map_err(|error| usage(&error))?;
                self.agent
                    .run(request)
                    .map_err(|error| self.cut_off(&error))
            }
        };
        self.read(answer?)
    }

    /// Sends a GET whose answer may be of any size.
    pub(crate) fn download(&self, url: &Url) -> Result<Download, CliError> {
        let request = self.request(Method::GET, url).body(());
        let answer = self
            .agent
            .run(request.map_err(|error| usage(&error))?)
            .map_err(|error| self.unreachable(&error))?;
        match answer.body().content_length() {
            Some(length) if answer.status() == 200 => Ok(Download {
                length,
                body: Box::new(answer.into_body().into_reader()),
            }),
            _ => {
                let Answer { status, server, .. } = self.read(answer)?;
                let reason = format!("it answered with status {status} and without a length");
                Err(CliError::UnexpectedAnswer { server, reason })
            }
        }
    }

    /// Sends a request, and passes each line of the answer to `each` as it comes.
    pub(crate) fn lines(
        &self,
        method: Method,
        url: &Url,
        Body {
            content_type,
            bytes,
            length,
        }: Body<'_>,
        mut each: impl FnMut(&str) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let request = self
            .request(method, url)
            .header(CONTENT_TYPE, content_type)
            .header(CONTENT_LENGTH, length)
            .body(SendBody::from_reader(bytes));
        let answer = self.agent.run(request.map_err(|error| usage(&error))?);
        let answer = answer.map_err(|error| self.cut_off(&error))?;
        if answer.status() != 200 {
            return Err(match self.read(answer) {
                Ok(answer) => self.strange(&format!("it answered with status {}", answer.status)),
                Err(error) => error,
            });
        }
        for line in BufReader::new(answer.into_body().into_reader()).lines() {
            each(&line.map_err(|error| self.unreachable(&error.into()))?)?;
        }
        Ok(())
    }

    /// Returns the error for an answer that no Dormouse host gives.
    pub(crate) fn strange(&self, reason: &impl ToString) -> CliError {
        CliError::UnexpectedAnswer {
            server: self.server.to_string(),
            reason: reason.to_string(),
        }
    }

    fn request(&self, method: Method, url: &Url) -> request::Builder {
        let request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(USER_AGENT, concat!("dormouse/", env!("CARGO_PKG_VERSION")));
        match &self.bearer {
            Some(bearer) => request.header(AUTHORIZATION, bearer),
            None => request,
        }
    }

    fn read(&self, mut answer: Response<ureq::Body>) -> Result<Answer, CliError> {
        let status = answer.status().as_u16();
        let body = answer
            .body_mut()
            .with_config()
            .limit(LARGEST_ANSWER)
            .read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        self.understand(status, body)
    }

    fn understand(&self, status: u16, body: Vec<u8>) -> Result<Answer, CliError> {
        let server = self.server.to_string();
        if (200..300).contains(&status) {
            return Ok(Answer {
                status,
                body,
                server,
            });
        }
        match serde_json::from_slice::<ProblemBody>(&body) {
            Ok(_) if status == 401 => Err(CliError::Unauthorized { server }),
            Ok(problem) => Err(CliError::Refused(problem)),
            Err(_) => Err(CliError::UnexpectedAnswer {
                server,
                reason: format!("it answered with status {status}"),
            }),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> CliError {
        CliError::Unreachable {
            server: self.server.to_string(),
            reason: reason(error),
        }
    }

    /// Returns the error for a request that was sent with a body. A host may close the connection before all of a body
    /// that is far too large was sent, and then its answer cannot be read.
    fn cut_off(&self, error: &ureq::Error) -> CliError {
        match error {
            ureq::Error::Io(io) if matches!(io.kind(), BrokenPipe | ConnectionReset) => {
                CliError::UnexpectedAnswer {
                    server: self.server.to_string(),
                    reason:
                        "it broke the connection off while the body was sent, as it does with one \
                             that is far over its limits"
                            .into(),
                }
            }
            error => self.unreachable(error),
        }
    }
}

impl Answer {
    /// Decodes the answer as the type that the API documents for it.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, CliError> {
        serde_json::from_slice(&self.body).map_err(|error| CliError::UnexpectedAnswer {
            server: self.server.clone(),
            reason: error.to_string(),
        })
    }
}

/// Returns why a request had no answer. An error of the system is shown without the prefix that the HTTP client gives it.
pub(crate) fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(io) => io.to_string(),
        error => error.to_string(),
    }
}

/// Returns true if requests can be sent to this URL.
pub(crate) fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && !url.cannot_be_a_base()
}

/// Returns the configuration of a client for this URL. It returns answers of every status, and follows no redirects.
pub(crate) fn agent(url: &Url) -> ConfigBuilder<AgentScope> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(CONNECT_WITHIN));
    if is_loopback(url) {
        // A proxy would look for `localhost` on the proxy's own machine.
        config.proxy(None)
    } else {
        config
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).to_canonical().is_loopback(),
        None => false,
    }
}

/// Returns the error for a value of the command line that cannot be put into a request.
fn usage(error: &http::Error) -> CliError {
    CliError::Usage(format!("the request cannot be sent: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_a_path_of_the_server_is_kept() {
        let client = Client::new("http://host.example/dormouse/", None).unwrap();
        let url = client.url(&["events", "a/b ?"]);
        assert_eq!(
            url.as_str(),
            "http://host.example/dormouse/v1/events/a%2Fb%20%3F"
        );
    }

    #[test]
    fn a_server_is_a_web_address() {
        for server in [
            "127.0.0.1:4100",
            "ftp://host.example",
            "unix:/run/dormouse",
            "",
        ] {
            assert_eq!(
                Client::new(server, None)
                    .err()
                    .map(|error| error.exit_code()),
                Some(2),
                "{server}"
            );
        }
    }

    #[test]
    fn a_host_that_requires_a_token_has_its_own_error() {
        let client = Client::new("http://127.0.0.1:1", None).unwrap();
        let problem =
            r#"{"type":"about:blank","title":"","status":401,"detail":"","code":"unauthorized"}"#;
        let error = client.understand(401, problem.into()).err().unwrap();
        assert!(error.to_string().contains("DORMOUSE_API_TOKEN"), "{error}");
    }

    #[test]
    fn problems_are_errors_and_anything_else_is_strange() {
        let client = Client::new("http://127.0.0.1:1", None).unwrap();
        let problem = r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"no run","code":"unknown-run"}"#;
        let error = client.understand(404, problem.into()).err().unwrap();
        assert_eq!(
            (error.to_string().as_str(), error.exit_code()),
            ("no run (unknown-run)", 1)
        );
        let error = client.understand(502, b"<html>".to_vec()).err().unwrap();
        assert!(
            matches!(error, CliError::UnexpectedAnswer { .. }),
            "{error}"
        );
    }
}
