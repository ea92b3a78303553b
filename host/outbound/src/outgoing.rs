//! A request of a workflow that was checked and can be sent as HTTP.

use bytes::Bytes;
use dormouse_journal::{CallError, Request};
use dormouse_seams::{LargeBody, SecretHeader};
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use hyper::body::Body as _;
use url::Url;

use crate::headers::check_headers;
use crate::invalid::{invalid, shown};
use crate::upload::Upload;
use crate::{secret, target};

/// A request that can be sent. Its headers do not contain those that are made from the URL and the body, such as `Host` and
/// `Content-Length`.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    /// The URL: absolute, with the scheme http or https, without credentials and without a fragment.
    ///
    /// Only its scheme, host and port are used. `target` has the path and the query that are sent.
    pub(crate) url: Url,
    /// The path and the query that are sent.
    pub(crate) target: PathAndQuery,
    pub(crate) headers: HeaderMap,
    /// The headers made from secrets. None of them is also among `headers`.
    pub(crate) secrets: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    /// A large body, which is sent instead of `body`. It is read only once there is a connection.
    pub(crate) large_body: Option<LargeBody>,
}

impl Outgoing {
    /// Checks a request, and converts it to one that can be sent. The error says what to change.
    pub(crate) fn check(
        request: Request,
        large_body: Option<LargeBody>,
        secret_headers: &[SecretHeader],
        user_agent: &HeaderValue,
    ) -> Result<Self, CallError> {
        let mut headers = check_headers(&request.headers)?;
        let secrets = secret::check(secret_headers, &mut headers)?;
        headers
            .entry(header::USER_AGENT)
            .or_insert_with(|| user_agent.clone());
        Ok(Outgoing {
            method: check_method(&request.method)?,
            url: check_url(&request.url)?,
            target: target::written(&request.url)?,
            headers,
            secrets,
            body: request.body,
            large_body,
        })
    }

    /// Returns the host and the port, for messages. The path and the query are left out, since they may hold secrets.
    pub(crate) fn authority(&self) -> &str {
        self.url.authority()
    }

    /// Returns the request as it is sent.
    pub(crate) fn to_http(&self) -> Result<http::Request<Upload>, CallError> {
        let uri = Uri::builder()
            .scheme(self.url.scheme())
            .authority(self.url.authority())
            .path_and_query(self.target.clone());
        let uri = uri
            .build()
            .map_err(|error| invalid(format!("the URL cannot be sent: {error}")))?;
        let body = Upload::new(self.body.clone(), self.large_body.clone());
        let is_empty = body.is_end_stream();
        let mut request = http::Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        for (name, value) in &self.secrets {
            request.headers_mut().insert(name, value.clone());
        }
        if is_empty && expects_body(&self.method) {
            // Hyper sends no length for an empty body, and some servers then answer 411 (Length Required).
            request
                .headers_mut()
                .insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(request)
    }
}

/// Checks that calls can go to a URL, and returns the parsed URL without its fragment. No error repeats the whole URL,
/// since its query may hold a secret.
pub(crate) fn check_url(text: &str) -> Result<Url, CallError> {
    let mut url =
        Url::parse(text).map_err(|error| invalid(format!("the URL is not valid: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        return Err(invalid(format!(
            "the URL's scheme is {scheme}: only http and https can be called"
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "the URL has a user name or a password in it: send an Authorization header instead",
        ));
    }
    url.set_fragment(None);
    Ok(url)
}

fn check_method(method: &str) -> Result<Method, CallError> {
    if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(invalid(format!(
            "the method {} is not in capitals",
            shown(method)
        )));
    }
    let parsed = Method::from_bytes(method.as_bytes()).map_err(|_| {
        invalid(format!(
            "the method {} is not an HTTP method",
            shown(method)
        ))
    })?;
    if matches!(parsed, Method::CONNECT | Method::TRACE) {
        return Err(invalid(format!(
            "the method {parsed} cannot be used in a call"
        )));
    }
    Ok(parsed)
}

fn expects_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> Request {
        Request {
            method: method.into(),
            url: url.into(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Bytes::copy_from_slice(value.as_bytes())))
                .collect(),
            body: Bytes::new(),
        }
    }

    fn check(request: Request) -> Result<Outgoing, CallError> {
        Outgoing::check(request, None, &[], &HeaderValue::from_static("agent"))
    }

    fn refused(request: Request) -> String {
        match check(request) {
            Err(CallError::Invalid(text)) => text,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn the_host_is_normalised_and_what_follows_it_is_sent_as_written() {
        let table = [
            ("http://a.example", "http://a.example/"),
            ("HTTPS://A.Example:443/x#part", "https://a.example/x"),
            (
                "http://a.example/hooks/../v1/runs?q=1#f",
                "http://a.example/hooks/../v1/runs?q=1",
            ),
            (
                "http://a.example/a/%2e%2E/b?name=O'Brien",
                "http://a.example/a/%2e%2E/b?name=O'Brien",
            ),
            ("http://0x7f.0.0.1/", "http://127.0.0.1/"),
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://017700000001/", "http://127.0.0.1/"),
            ("http://127.1/", "http://127.0.0.1/"),
            ("http://0/", "http://0.0.0.0/"),
            ("http://127.0.0.1./", "http://127.0.0.1/"),
            ("http://１２７.0.0.1/", "http://127.0.0.1/"),
            ("http://%31%32%37.0.0.1/", "http://127.0.0.1/"),
            (
                "http://[0:0:0:0:0:ffff:127.0.0.1]/",
                "http://[::ffff:7f00:1]/",
            ),
        ];
        for (url, expected) in table {
            let outgoing = check(request("GET", url, &[])).unwrap();
            assert_eq!(outgoing.to_http().unwrap().uri(), expected, "{url}");
        }
    }

    #[test]
    fn urls_that_cannot_be_called() {
        let table = [
            (
                "/relative",
                "the URL is not valid: relative URL without a base",
            ),
            ("http://", "the URL is not valid: empty host"),
            (
                "http://a.example:99999/",
                "the URL is not valid: invalid port number",
            ),
            (
                "file:///etc/passwd",
                "the URL's scheme is file: only http and https can be called",
            ),
            (
                "ftp://a.example/",
                "the URL's scheme is ftp: only http and https can be called",
            ),
        ];
        for (url, expected) in table {
            assert_eq!(refused(request("GET", url, &[])), expected, "{url}");
        }
    }

    #[test]
    fn credentials_in_the_url_are_refused_and_not_repeated() {
        for url in [
            "http://user@a.example/",
            "http://user:pass@a.example/",
            "http://:pass@a.example/",
        ] {
            let text = refused(request("GET", url, &[]));
            assert!(
                text.contains("Authorization header") && !text.contains("pass@"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_url_that_http_has_no_room_for() {
        let url = format!("http://a.example/{}", "x".repeat(70_000));
        assert_eq!(
            refused(request("GET", &url, &[])),
            "the URL has 70017 bytes, and at most 65534 can be sent"
        );
    }

    /// However a URL is written, its request must go to the place that the egress policy judges.
    #[test]
    fn a_url_is_sent_to_the_place_that_was_checked() {
        const PIECES: [&str; 24] = [
            "http",
            "https",
            ":",
            "//",
            "/",
            "\\",
            "@",
            "a.example",
            "b.example",
            ":80",
            ":81",
            "[::1]",
            "127.1",
            "..",
            "%2e",
            ".",
            "?",
            "#",
            "user",
            "\t",
            " ",
            "ü",
            "%2f",
            "'",
        ];
        let mut sent = 0;
        let mut state = 1_u64;
        for round in 0..60_000 {
            let mut url =
                String::from(["", "http://", "http://a.example", "https://a.example/"][round % 4]);
            for _ in 0..8 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                url.push_str(PIECES[usize::try_from(state >> 33).unwrap() % PIECES.len()]);
            }
            let Ok(outgoing) = check(request("GET", &url, &[])) else {
                continue;
            };
            let Ok(http) = outgoing.to_http() else {
                continue;
            };
            sent += 1;
            let checked = Url::parse(&url).unwrap();
            let uri = http.uri();
            assert_eq!(uri.host(), checked.host_str(), "{url}");
            assert_eq!(uri.port_u16(), checked.port(), "{url}");
            // The URL that is sent, as another parser reads it.
            let again = Url::parse(&uri.to_string()).unwrap();
            assert_eq!(again.origin(), checked.origin(), "{url}");
            assert_eq!(again.path(), checked.path(), "{url}");
            let target = uri.path_and_query().unwrap().as_str();
            assert!(url.contains(target.trim_start_matches('/')), "{url}");
        }
        assert!(sent > 1_000, "{sent} URLs were sent");
    }

    #[test]
    fn methods() {
        for method in ["GET", "POST", "DELETE", "PROPFIND", "M-SEARCH"] {
            assert_eq!(
                check(request(method, "http://a.example", &[]))
                    .unwrap()
                    .method,
                method
            );
        }
        let table = [
            ("post", "the method \"post\" is not in capitals"),
            ("", "the method \"\" is not an HTTP method"),
            ("GET /", "the method \"GET /\" is not an HTTP method"),
            (
                "GET\r\nX",
                "the method \"GET\\r\\nX\" is not an HTTP method",
            ),
            ("CONNECT", "the method CONNECT cannot be used in a call"),
            ("TRACE", "the method TRACE cannot be used in a call"),
        ];
        for (method, expected) in table {
            assert_eq!(refused(request(method, "http://a.example", &[])), expected);
        }
    }

    #[test]
    fn headers_that_a_workflow_may_not_set_are_refused() {
        let text = refused(request("GET", "http://a.example", &[("Host", "b.example")]));
        assert_eq!(
            text,
            "the header host cannot be set: it is made from the URL; leave it out"
        );
    }

    #[test]
    fn the_workflows_user_agent_comes_before_the_hosts() {
        let own = check(request(
            "GET",
            "http://a.example",
            &[("User-Agent", "mine")],
        ))
        .unwrap();
        assert_eq!(own.headers[header::USER_AGENT], "mine");
        let none = check(request("GET", "http://a.example", &[])).unwrap();
        assert_eq!(none.headers[header::USER_AGENT], "agent");
    }
}
