//! `dormouse webhook`.

use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, Subcommand};
use dormouse_api::HeaderField;
use dormouse_journal as journal;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use serde::Serialize;
use ureq::Agent;
use url::Url;

use crate::client::{agent, is_web, reason};
use crate::error::CliError;
use crate::exit::REFUSED;
use crate::forget::Forget;
use crate::input::Input;
use crate::signing::Signing;
use crate::terminal::Terminal;
use crate::text::{plain, plain_line};

/// The size of the largest answer that is read. No host answers a webhook with more, unless its limits were raised.
const LARGEST_ANSWER: u64 = 64 << 20;

/// The headers of an answer that are shown to people. They say what the body is, why the host refused the request, and
/// when to try again.
const SHOWN: [HeaderName; 5] = [CONTENT_TYPE, RETRY_AFTER, ALLOW, LOCATION, WWW_AUTHENTICATE];

/// Sends a request to a webhook by hand, or makes the host forget a request
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse webhook send https://hooks.example/hooks/AAEB… --data '{\"approved\": true}'
  dormouse webhook forget https://hooks.example/hooks/AAEB… 72d3162e-cc78-11e3-81ab-4c9367dc0958

`dormouse webhooks RUN` lists the URLs of a run's webhooks.")]
pub struct WebhookCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Send(Box<Send>),
    Forget(Forget),
}

/// Sends a request to a webhook, signed if you say how, and prints the answer
///
/// The command does what a provider would do: it needs only the URL and no API token, and works from any machine. Data is JSON
/// unless --content-type says otherwise. The exit code is 0 if the status is from 200 to 299, and 1 otherwise.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse webhook send https://hooks.example/hooks/AAEB… --data '{\"approved\": true}'
  dormouse webhook send https://hooks.example/hooks/AAEB… --data @event.json --key evt_1 \\
      --sign stripe --secret-file stripe.txt
  DORMOUSE_WEBHOOK_SECRET=… dormouse webhook send https://hooks.example/hooks/AAEB…/sub?q=1 \\
      --data @push.json -H 'X-GitHub-Event: push' --sign github
  dormouse webhook send https://hooks.example/hooks/AAEB… --data - --content-type text/plain \\
      --sign hmac-sha256 --sign-header X-Signature --sign-prefix sha256= --secret-file mine.txt")]
struct Send {
    /// The URL of the webhook; a sub-path and a query may be appended
    url: String,

    /// The method
    #[arg(long, default_value = "POST")]
    method: Method,

    /// A header; give the flag again for others
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,

    /// The body: text, @FILE, or - for standard input
    #[arg(long, value_name = "DATA")]
    data: Option<String>,

    /// The media type of the body
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,

    /// An Idempotency-Key, by which the host recognises a repeat
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    #[command(flatten)]
    signing: Signing,

    /// Prints status, headers and body as JSON
    #[arg(long)]
    json: bool,
}

/// The answer of a webhook.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Answer {
    status: u16,
    headers: Vec<HeaderField>,
    /// The body as text. Bytes that are not UTF-8 are replaced.
    body: String,
}

impl WebhookCommand {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        match &self.action {
            Action::Send(send) => send.run(terminal),
            Action::Forget(forget) => forget.run(terminal),
        }
    }
}

impl Send {
    fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let url = read_url(&self.url)?;
        let input = Input::read(self.data.as_deref(), self.content_type.as_deref())?;
        let headers = self.all_headers(&input)?;
        let answer = send(
            &self.method,
            &url,
            headers,
            self.data.as_ref().map(|_| input.bytes),
        )?;
        if self.json {
            let json = serde_json::to_vec(&answer).map_err(std::io::Error::from)?;
            terminal.json(&json)?;
        } else {
            terminal.print(&render(&answer))?;
        }
        Ok(if (200..300).contains(&answer.status) {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(REFUSED)
        })
    }

    /// Returns the headers of the request: those of the command line, and those that other flags make. It is an error
    /// if both make the same header, since a host refuses a request that it could read in two ways.
    fn all_headers(&self, input: &Input) -> Result<HeaderMap, CliError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        let is_typed = headers.contains_key(CONTENT_TYPE);
        let mut made = Vec::new();
        if !input.content_type.is_empty() && (self.content_type.is_some() || !is_typed) {
            made.push((CONTENT_TYPE, value(&input.content_type)?));
        }
        if let Some(key) = &self.key {
            made.push((HeaderName::from_static("idempotency-key"), value(key)?));
        }
        let given = headers.iter().map(|(name, value)| {
            let value = Bytes::copy_from_slice(value.as_bytes());
            (name.as_str().to_owned(), value)
        });
        let request = journal::Request {
            method: self.method.to_string(),
            url: self.url.clone(),
            headers: given.collect(),
            body: Bytes::copy_from_slice(&input.bytes),
        };
        for (name, bytes) in self.signing.headers(&request)? {
            let name = HeaderName::try_from(name).map_err(|error| unsendable(&error))?;
            let value = HeaderValue::from_maybe_shared(bytes);
            made.push((name, value.map_err(|error| unsendable(&error))?));
        }
        for (name, value) in made {
            if headers.contains_key(&name) {
                return Err(CliError::Usage(format!(
                    "the header {name} is given with --header, and also made by another flag; leave one of them out"
                )));
            }
            headers.insert(name, value);
        }
        if !headers.contains_key(USER_AGENT) {
            let agent = concat!("dormouse/", env!("CARGO_PKG_VERSION"));
            headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        }
        Ok(headers)
    }
}

fn send(
    method: &Method,
    url: &Url,
    headers: HeaderMap,
    data: Option<Vec<u8>>,
) -> Result<Answer, CliError> {
    let mut request = Request::new(());
    *request.method_mut() = method.clone();
    *request.uri_mut() = url.as_str().parse().map_err(|error| unsendable(&error))?;
    *request.headers_mut() = headers;
    let agent: Agent = agent(url).max_redirects_will_error(false).build().into();
    let answer = match data {
        Some(data) => agent.run(request.map(|()| data)),
        None => agent.run(request),
    };
    let failed = |error: &ureq::Error| failed(url, error);
    let (head, mut body) = answer.map_err(|error| failed(&error))?.into_parts();
    let body = body.with_config().limit(LARGEST_ANSWER).read_to_vec();
    let body = body.map_err(|error| failed(&error))?;
    let field = |(name, value): (&HeaderName, &HeaderValue)| HeaderField {
        name: name.as_str().to_owned(),
        value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers.iter().map(field).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// Returns the error for a request that failed. It names only the origin of the URL: the token in its path is as good
/// as a password, and errors end up in logs.
fn failed(url: &Url, error: &ureq::Error) -> CliError {
    match error {
        ureq::Error::Http(_) | ureq::Error::Protocol(_) => {
            CliError::Usage(format!("the request cannot be sent: {error}"))
        }
        error => CliError::NoAnswer {
            origin: url.origin().ascii_serialization(),
            reason: reason(error),
        },
    }
}

fn read_url(text: &str) -> Result<Url, CliError> {
    Url::parse(text)
        .ok()
        .filter(is_web)
        .ok_or_else(|| {
            CliError::Usage(
                "this is not the URL of a webhook; it begins with https:// or http://, and `dormouse webhooks RUN` shows it"
                    .into(),
            )
        })
}

/// Parses a header as HTTP writes it: `Name: value`.
fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("write the header's name, a colon and its value, as in 'X-Event: push'")?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| "before the colon there is no header's name")?;
    let value = HeaderValue::try_from(value.trim())
        .map_err(|_| "behind the colon there is what no header can have")?;
    Ok((name, value))
}

fn value(text: &str) -> Result<HeaderValue, CliError> {
    HeaderValue::try_from(text).map_err(|error| unsendable(&error))
}

fn unsendable(error: &dyn std::fmt::Display) -> CliError {
    CliError::Usage(format!("the request cannot be sent: {error}"))
}

fn render(answer: &Answer) -> String {
    let reason = StatusCode::from_u16(answer.status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let mut text = format!("{} {}\n", answer.status, reason.unwrap_or_default());
    let is_shown = |field: &&HeaderField| SHOWN.iter().any(|shown| *shown == field.name.as_str());
    for field in answer.headers.iter().filter(is_shown) {
        text += &format!("{}: {}\n", field.name, plain_line(&field.value));
    }
    if !answer.body.is_empty() {
        text += &format!("\n{}", plain(&answer.body));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        send: Send,
    }

    fn headers(arguments: &[&str]) -> Result<HeaderMap, CliError> {
        let line = ["send", "https://hooks.example/hooks/AAEB"];
        let send = Line::try_parse_from(line.iter().chain(arguments))
            .unwrap()
            .send;
        let input = Input::read(send.data.as_deref(), send.content_type.as_deref()).unwrap();
        send.all_headers(&input)
    }

    #[test]
    fn data_is_json_unless_a_content_type_is_given() {
        let table: [(&[&str], Option<&str>); 5] = [
            (&[], None),
            (&["--data", "1"], Some("application/json")),
            (
                &["--data", "1", "--content-type", "text/plain"],
                Some("text/plain"),
            ),
            (
                &["--data", "1", "-H", "content-type: text/plain"],
                Some("text/plain"),
            ),
            (&["-H", "Content-Type:text/plain"], Some("text/plain")),
        ];
        for (arguments, expected) in table {
            let headers = headers(arguments).unwrap();
            let found = headers
                .get(CONTENT_TYPE)
                .map(|value| value.to_str().unwrap());
            assert_eq!(found, expected, "{arguments:?}");
        }
    }

    #[test]
    fn a_header_that_would_come_twice_is_a_mistake() {
        for arguments in [
            ["-H", "content-type: a/b", "--content-type", "c/d"],
            ["-H", "Idempotency-Key: 1", "--key", "2"],
        ] {
            let error = headers(&arguments).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(
                error.to_string().contains("leave one of them out"),
                "{error}"
            );
        }
        let repeated = headers(&["-H", "x-a: 1", "-H", "x-a: 2"]).unwrap();
        assert_eq!(repeated.get_all("x-a").iter().count(), 2);
    }

    #[test]
    fn an_invalid_header_is_refused() {
        for text in ["x-a", ": 1", "x a: 1", "x-a: 1\n2"] {
            assert!(header(text).is_err(), "{text:?}");
        }
        let (name, value) = header("X-A:  b: c ").unwrap();
        assert_eq!(
            (name.as_str(), value.as_bytes()),
            ("x-a", b"b: c".as_slice())
        );
    }

    #[test]
    fn an_error_does_not_repeat_the_url() {
        for url in [
            "hooks.example/hooks/TOKEN",
            "ftp://hooks.example/hooks/TOKEN",
            "",
        ] {
            let error = read_url(url).unwrap_err().to_string();
            assert!(!error.contains("TOKEN"), "{error}");
        }
        let url = read_url("https://hooks.example/hooks/TOKEN").unwrap();
        let error = failed(&url, &ureq::Error::HostNotFound).to_string();
        assert!(error.contains("https://hooks.example"), "{error}");
        assert!(!error.contains("TOKEN"), "{error}");
    }

    #[test]
    fn people_see_the_status_what_matters_of_the_headers_and_the_body() {
        let field = |name: &str, value: &str| HeaderField {
            name: name.into(),
            value: value.into(),
        };
        let answer = Answer {
            status: 429,
            headers: vec![
                field("retry-after", "30"),
                field("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ],
            body: "{\"code\":\"inbox-full\"}\u{1b}[2J".into(),
        };
        let expected =
            "429 Too Many Requests\nretry-after: 30\n\n{\"code\":\"inbox-full\"}\\u{1b}[2J";
        assert_eq!(render(&answer), expected);
    }
}
