//! Redirects, by the rules that browsers follow (the Fetch standard).

use dormouse_journal::CallError;
use http::header::{self, HeaderMap};
use http::uri::PathAndQuery;
use http::{Method, StatusCode};
use url::Url;

use crate::mask::Mask;
use crate::outgoing::{Outgoing, check_url};
use crate::target;

/// Returns the request that follows after `sent` was answered with this status and these headers. None if the response
/// is the result: it is not a redirect, or it has no valid URL to go to.
pub(crate) fn next(
    sent: &Outgoing,
    status: StatusCode,
    headers: &HeaderMap,
    mask: &Mask,
) -> Result<Option<Outgoing>, CallError> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some((url, target)) = location(&sent.url, headers) else {
        return Ok(None);
    };
    let url = check_target(&sent.url, &url)?;
    let mut next = Outgoing {
        url,
        target,
        ..sent.clone()
    };
    if becomes_get(&sent.method, status) {
        drop_body(&mut next);
    }
    if next.url.origin() != sent.url.origin() {
        check_no_secret(sent, &next, mask)?;
        drop_credentials(&mut next);
    }
    Ok(Some(next))
}

/// Returns the URL that a redirect leads to, and the path and the query to send. The path and the query of an absolute URL
/// are sent as they are written if possible, since they may be signed. A relative URL is resolved.
fn location(from: &Url, headers: &HeaderMap) -> Option<(Url, PathAndQuery)> {
    let text = std::str::from_utf8(headers.get(header::LOCATION)?.as_bytes()).ok()?;
    let url = from.join(text).ok()?;
    let is_absolute = Url::parse(text).is_ok();
    let written = is_absolute.then(|| target::written(text).ok()).flatten();
    let target = written.or_else(|| target::parsed(&url).ok())?;
    Some((url, target))
}

fn check_target(from: &Url, target: &Url) -> Result<Url, CallError> {
    let refused =
        |reason: &str| CallError::Denied(format!("{} redirects {reason}", from.authority()));
    if from.scheme() == "https" && target.scheme() == "http" {
        let reason = format!(
            "from https to http at {}, without encryption",
            target.authority()
        );
        return Err(refused(&reason));
    }
    check_url(target.as_str()).map_err(|error| match error {
        CallError::Invalid(text) => refused(&format!("to a place that cannot be called: {text}")),
        other => other,
    })
}

/// Refuses a redirect to another origin with a secret in its URL. Only the origin that was called may have the secret.
fn check_no_secret(sent: &Outgoing, next: &Outgoing, mask: &Mask) -> Result<(), CallError> {
    if mask.finds_in(next.url.as_str()) || mask.finds_in(next.target.as_str()) {
        return Err(CallError::Denied(format!(
            "{} redirects to another origin with the secret of the request's headers in the URL",
            sent.authority()
        )));
    }
    Ok(())
}

fn becomes_get(method: &Method, status: StatusCode) -> bool {
    match status {
        StatusCode::SEE_OTHER => !matches!(*method, Method::GET | Method::HEAD),
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        _ => false,
    }
}

fn drop_body(request: &mut Outgoing) {
    request.method = Method::GET;
    request.body.clear();
    request.large_body = None;
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::CONTENT_LOCATION,
    ] {
        request.headers.remove(name);
    }
}

/// Removes the headers that only the called origin may get. A redirect back to that origin does not restore them, since
/// the server that redirects may not make use of them. `Proxy-Authorization` need not be removed: a request that has it
/// is refused.
fn drop_credentials(request: &mut Outgoing) {
    request.headers.remove(header::AUTHORIZATION);
    request.headers.remove(header::COOKIE);
    request.secrets.clear();
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use dormouse_journal::Request;
    use http::HeaderValue;

    use super::*;

    const HEADERS: [(&str, &str); 5] = [
        ("authorization", "Bearer secret"),
        ("cookie", "a=secret"),
        ("content-type", "text/plain"),
        ("content-encoding", "identity"),
        ("x-kept", "1"),
    ];

    fn sent(method: &str, url: &str) -> Outgoing {
        let headers = HEADERS.map(|(name, value)| (name.to_owned(), Bytes::from(value)));
        let request = Request {
            method: method.into(),
            url: url.into(),
            headers: headers.into(),
            body: Bytes::from("body"),
        };
        Outgoing::check(request, None, &[], &HeaderValue::from_static("agent")).unwrap()
    }

    fn follow(sent: &Outgoing, status: u16, location: &str) -> Result<Option<Outgoing>, CallError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, location.parse().unwrap());
        let mask = Mask::new(&[]).unwrap();
        next(sent, StatusCode::from_u16(status).unwrap(), &headers, &mask)
    }

    fn followed(method: &str, url: &str, status: u16, location: &str) -> Outgoing {
        follow(&sent(method, url), status, location)
            .unwrap()
            .unwrap()
    }

    fn refused(url: &str, location: &str) -> String {
        match follow(&sent("GET", url), 302, location) {
            Err(CallError::Denied(text)) => text,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn methods_change_as_in_browsers() {
        let table = [
            (301, "POST", "GET"),
            (302, "POST", "GET"),
            (303, "POST", "GET"),
            (301, "PUT", "PUT"),
            (302, "DELETE", "DELETE"),
            (303, "PUT", "GET"),
            (303, "GET", "GET"),
            (303, "HEAD", "HEAD"),
            (301, "HEAD", "HEAD"),
            (307, "POST", "POST"),
            (308, "POST", "POST"),
            (308, "PUT", "PUT"),
        ];
        for (status, before, after) in table {
            let next = followed(before, "http://a.example/x", status, "/y");
            assert_eq!(next.method, after, "{before} after {status}");
            let kept = before == after;
            assert_eq!(
                !next.body.is_empty(),
                kept,
                "body of {before} after {status}"
            );
            for name in ["content-type", "content-encoding"] {
                assert_eq!(
                    next.headers.contains_key(name),
                    kept,
                    "{name} of {before} after {status}"
                );
            }
            assert!(next.headers.contains_key("x-kept"));
        }
    }

    #[test]
    fn the_location_is_read_against_the_url() {
        let table = [
            ("/y", "http://a.example:81/y"),
            ("y?q=2#part", "http://a.example:81/x/y?q=2"),
            ("//b.example/y", "http://b.example/y"),
            ("https://a.example/", "https://a.example/"),
            ("../hooks/../v1", "http://a.example:81/v1"),
            ("/a b/ü", "http://a.example:81/a%20b/%C3%BC"),
            (
                "http://b.example/a/%2e%2E/b?c='",
                "http://b.example/a/%2e%2E/b?c='",
            ),
            ("http://b.example/a b", "http://b.example/a%20b"),
            ("http:\\\\b.example\\y", "http://b.example/y"),
        ];
        for (location, expected) in table {
            let next = followed("GET", "http://a.example:81/x/z?q=1", 302, location);
            assert_eq!(next.to_http().unwrap().uri(), expected, "{location}");
        }
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        let table = [
            ("http://a.example/y", true),
            ("http://a.example:80/y", true),
            ("http://a.example:81/y", false),
            ("http://b.example/y", false),
            ("https://a.example/y", false),
        ];
        for (location, kept) in table {
            let next = followed("GET", "http://a.example/x", 307, location);
            for name in ["authorization", "cookie"] {
                assert_eq!(
                    next.headers.contains_key(name),
                    kept,
                    "{name} to {location}"
                );
            }
            assert!(next.headers.contains_key("x-kept"));
        }
    }

    #[test]
    fn responses_that_lead_nowhere_are_results() {
        let sent = sent("GET", "http://a.example/x");
        for status in [200, 201, 300, 304, 305, 306, 404] {
            assert!(follow(&sent, status, "/y").unwrap().is_none(), "{status}");
        }
        let mask = Mask::new(&[]).unwrap();
        assert!(
            next(&sent, StatusCode::FOUND, &HeaderMap::new(), &mask)
                .unwrap()
                .is_none()
        );
        assert!(follow(&sent, 302, "http://[").unwrap().is_none());
    }

    #[test]
    fn targets_that_are_refused() {
        assert_eq!(
            refused("https://a.example/x", "http://b.example/?token=secret"),
            "a.example redirects from https to http at b.example, without encryption"
        );
        assert_eq!(
            refused("http://a.example/x", "ftp://b.example/"),
            "a.example redirects to a place that cannot be called: the URL's scheme is ftp: only http and https can be \
             called"
        );
        let text = refused("http://a.example/x", "http://user:secret@b.example/");
        assert!(
            text.starts_with("a.example redirects to a place that cannot be called"),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
    }
}
