//! Refuses heads of requests that two readers could read differently, whatever the request asks for.
//!
//! A proxy in front of the host and the host itself must agree where a request ends, to whom it goes and what it says.
//! Checks that hyper makes are not repeated here: it refuses invalid or differing lengths, names with spaces, folded
//! lines, and encodings that do not end with `chunked`. If there is a `Transfer-Encoding`, it ignores `Content-Length`
//! and closes the connection afterwards. The checks that it leaves to its users are here: further encodings, the number
//! of fields, the named host, and the form of the target (RFC 9110, sections 7.1, 7.2 and 7.4; RFC 9112, sections 3.2
//! and 6.1; RFC 9113, section 8.3).

use std::net::Ipv6Addr;

use dormouse_limits::HEADER_FIELDS;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};

use crate::problem::Problem;

/// Checks the head of a request, which may have at most `fields` fields.
///
/// # Errors
/// When two readers could read it differently. In HTTP/1 the connection ends with the answer.
pub(crate) fn check<B>(request: &Request<B>, fields: usize) -> Result<(), Problem> {
    let checked = check_fields(request.headers(), fields)
        .and_then(|()| check_framing(request.headers()))
        .and_then(|()| check_target(request))
        .and_then(|()| check_host(request));
    checked.map_err(|problem| match request.version() {
        Version::HTTP_2 => problem,
        _ => problem.with_header(CONNECTION, HeaderValue::from_static("close")),
    })
}

/// Returns the host that a request names, with its port if there is one: from its target, or else from its only `Host`.
pub(crate) fn named_host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let in_target = uri.authority().map(Authority::as_str);
    let mut lines = headers.get_all(HOST).iter();
    let named = match (in_target, lines.next(), lines.next()) {
        (Some(named), _, _) => named,
        (None, Some(line), None) => line.to_str().ok()?,
        (None, _, _) => return None,
    };
    authority(named)
}

/// Parses a host with an optional port. None if the text is anything else.
fn authority(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    let host = authority.host();
    let port = text.strip_prefix(host)?;
    let is_port = match port.strip_prefix(':') {
        Some("") => true,
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        }
        None => port.is_empty(),
    };
    let is_host = match host.strip_prefix('[') {
        Some(literal) => literal.strip_suffix(']')?.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', ']']),
    };
    (is_port && is_host).then_some(authority)
}

fn check_fields(headers: &HeaderMap, fields: usize) -> Result<(), Problem> {
    if headers.len() <= fields {
        return Ok(());
    }
    let detail = format!(
        "the request has {} header fields, and may have {fields}; the setting is `{HEADER_FIELDS}`",
        headers.len()
    );
    Err(Problem::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "too-many-header-fields",
        detail,
    ))
}

fn check_framing(headers: &HeaderMap) -> Result<(), Problem> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    if let Some(encoding) = encodings.next()
        && (!is_chunked(encoding) || encodings.next().is_some())
    {
        let detail = "the host takes `chunked` as Transfer-Encoding and nothing else; send the body as it is";
        return Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "unsupported-transfer-encoding",
            detail,
        ));
    }
    // In HTTP/1, hyper keeps one of several equal lengths, and in HTTP/2 it looks only at the first.
    if headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        let why = "occurs more than once; a body has one length";
        return Err(Problem::malformed(
            "invalid-header",
            "the header Content-Length",
            why,
        ));
    }
    Ok(())
}

/// Checks the target. It must be a path, a whole URL of HTTP (as for proxies, and always in HTTP/2), or `*` for
/// OPTIONS.
fn check_target<B>(request: &Request<B>) -> Result<(), Problem> {
    if request.method() == Method::CONNECT {
        let detail = "the host is not a proxy, and opens no tunnels with CONNECT";
        return Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "method-not-implemented",
            detail,
        ));
    }
    let uri = request.uri();
    let is_web = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
    let is_target = match (uri.scheme(), uri.authority()) {
        (None, None) => {
            uri.path().starts_with('/')
                || (uri.path() == "*" && request.method() == Method::OPTIONS)
        }
        (Some(scheme), Some(_)) => is_web(scheme),
        (None, Some(_)) => request.version() == Version::HTTP_2,
        (Some(_), None) => false,
    };
    if is_target {
        return Ok(());
    }
    let why = "is neither a path nor a URL of HTTP";
    Err(Problem::malformed(
        "invalid-target",
        "the request's target",
        why,
    ))
}

/// Checks that the host is named once: in `Host`, in the target, or the same in both.
fn check_host<B>(request: &Request<B>) -> Result<(), Problem> {
    let refuse = |why| Err(Problem::malformed("invalid-host", "the header Host", why));
    let mut lines = request.headers().get_all(HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return refuse("occurs more than once, and it is not clear which one is meant");
    }
    let in_line = line.map(|line| line.to_str().ok().and_then(authority));
    if in_line == Some(None) {
        return refuse("is not a host with a port or without one");
    }
    let in_target = request.uri().authority();
    let in_target = in_target.map(|named| authority(named.as_str()));
    match (in_line.flatten(), in_target) {
        (_, Some(None)) => {
            let why = "names no host with a port or without one";
            let what = "the request's target";
            Err(Problem::malformed("invalid-host", what, why))
        }
        (Some(line), Some(Some(target))) if !is_same(&line, &target, request.uri()) => {
            refuse("names another host than the request's target")
        }
        (None, None) if request.version() >= Version::HTTP_11 => {
            refuse("is missing: a request says which host it is for")
        }
        _ => Ok(()),
    }
}

fn is_same(line: &Authority, target: &Authority, uri: &Uri) -> bool {
    let default = if uri.scheme() == Some(&Scheme::HTTPS) {
        443
    } else {
        80
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
    line.host().eq_ignore_ascii_case(target.host()) && port(line) == port(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a request with this target and these fields, and returns the code of its refusal.
    fn refused(
        version: Version,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Option<(u16, &'static str)> {
        let mut request = Request::builder()
            .version(version)
            .method(method)
            .uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let problem = check(&request.body(()).unwrap(), 4).err()?;
        Some((problem.status().as_u16(), problem.code()))
    }

    const HTTP_11: Version = Version::HTTP_11;
    const HTTP_2: Version = Version::HTTP_2;

    #[test]
    fn a_request_says_once_which_host_it_is_for() {
        let with = |lines: &[&str]| {
            let fields: Vec<_> = lines.iter().map(|line| ("host", *line)).collect();
            refused(HTTP_11, "GET", "/", &fields)
        };
        for host in [
            "a.example",
            "a.example:80",
            "a.example:",
            "127.0.0.1:4100",
            "[::1]:4100",
            "[::1]",
            "a_b.example",
        ] {
            assert_eq!(with(&[host]), None, "{host}");
        }
        let invalid = Some((400, "invalid-host"));
        for host in [
            "",
            ":80",
            "a b",
            "a.example, b.example",
            "user@a.example",
            "a.example:x",
            "a.example:65536",
            "a.example:+80",
            "a.example:80:80",
            "::1",
            "[::1",
            "[x]",
            "[::1]x",
            "http://a.example",
            "a.example/",
        ] {
            assert_eq!(with(&[host]), invalid, "{host:?}");
        }
        assert_eq!(with(&["a.example", "a.example"]), invalid);
        assert_eq!(with(&[]), invalid);
        assert_eq!(refused(Version::HTTP_10, "GET", "/", &[]), None);
        let twice = [("host", "a"), ("host", "a")];
        assert_eq!(refused(Version::HTTP_10, "GET", "/", &twice), invalid);
    }

    #[test]
    fn a_target_with_a_host_names_the_same_one() {
        let get = |version, target, fields: &[_]| refused(version, "GET", target, fields);
        let host = [("host", "a.example")];
        assert_eq!(get(HTTP_11, "http://a.example/x", &host), None);
        assert_eq!(get(HTTP_11, "http://A.EXAMPLE:80/x", &host), None);
        assert_eq!(get(HTTP_2, "https://a.example:443/x", &host), None);
        assert_eq!(get(HTTP_2, "http://a.example/x", &[]), None);
        let invalid = Some((400, "invalid-host"));
        assert_eq!(get(HTTP_11, "http://b.example/x", &host), invalid);
        assert_eq!(get(HTTP_11, "http://a.example:81/x", &host), invalid);
        assert_eq!(get(HTTP_2, "http://b.example/x", &host), invalid);
        assert_eq!(get(HTTP_2, "http://u@a.example/x", &host), invalid);
        assert_eq!(get(HTTP_2, "/x", &[]), invalid);
    }

    #[test]
    fn a_target_is_a_path_or_a_url_of_http() {
        let host = [("host", "a.example")];
        let target = |method, target| refused(HTTP_11, method, target, &host);
        for path in ["/", "//a", "/%2f?q", "/a/../b"] {
            assert_eq!(target("GET", path), None, "{path}");
        }
        let invalid = Some((400, "invalid-target"));
        assert_eq!(target("GET", "a.example"), invalid);
        assert_eq!(target("GET", "ftp://a.example/"), invalid);
        assert_eq!(target("GET", "*"), invalid);
        assert_eq!(target("OPTIONS", "*"), None);
        let tunnel = Some((501, "method-not-implemented"));
        assert_eq!(target("CONNECT", "a.example:80"), tunnel);
    }

    #[test]
    fn a_body_is_in_chunks_or_of_one_length() {
        let with = |version, fields: &[_]| {
            let host = [("host", "a.example")];
            refused(version, "POST", "/", &[&host[..], fields].concat())
        };
        let coding = |value| with(HTTP_11, &[("transfer-encoding", value)]);
        assert_eq!(coding("chunked"), None);
        assert_eq!(coding("Chunked"), None);
        let unsupported = Some((501, "unsupported-transfer-encoding"));
        for value in [
            "gzip, chunked",
            "identity",
            "chunked, chunked",
            "chunked;q=1",
            "xchunked",
            "",
        ] {
            assert_eq!(coding(value), unsupported, "{value:?}");
        }
        let twice = [("transfer-encoding", "chunked"); 2];
        assert_eq!(with(HTTP_11, &twice), unsupported);
        let lengths = [("content-length", "4"), ("content-length", "5")];
        assert_eq!(with(HTTP_2, &lengths), Some((400, "invalid-header")));
    }

    #[test]
    fn fields_are_counted_with_repeats_and_the_connection_ends() {
        let four = [("host", "a"), ("x", "1"), ("x", "1"), ("y", "")];
        assert_eq!(refused(HTTP_11, "GET", "/", &four), None);
        let five = [&four[..], &[("x", "2")]].concat();
        let too_many = Some((431, "too-many-header-fields"));
        assert_eq!(refused(HTTP_11, "GET", "/", &five), too_many);
        assert_eq!(refused(HTTP_2, "GET", "/", &five), too_many);
        let closes = |version| {
            let request = Request::builder().version(version).uri("/");
            let problem = check(&request.body(()).unwrap(), 4).unwrap_err();
            let answer = axum::response::IntoResponse::into_response(problem);
            answer.headers().contains_key(CONNECTION)
        };
        assert!(closes(HTTP_11) && !closes(HTTP_2));
    }
}
