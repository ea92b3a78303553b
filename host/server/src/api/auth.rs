//! Who may use the API.
//!
//! With a token, whoever presents it. Without one the host listens on loopback only, and the danger is a web page: a
//! browser on this machine sends what any page tells it to. So the request must be meant for this machine by name
//! (against a foreign name that resolves to it), and if it comes from a page, from one of the host's own.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use dormouse_config::ApiToken;
use http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};

use crate::problem::Problem;

/// The rule for who may use the API.
#[derive(Debug)]
pub(super) struct Auth {
    token: Option<ApiToken>,
}

/// Lets a request through, or answers that it may not pass.
pub(super) async fn guard(State(auth): State<Arc<Auth>>, request: Request, next: Next) -> Response {
    if is_guarded(request.uri().path())
        && let Err(problem) = auth.check(request.uri(), request.headers())
    {
        return problem.into_response();
    }
    next.run(request).await
}

/// What is not guarded must be open to load balancers, which have no token, and tells nothing.
fn is_guarded(path: &str) -> bool {
    !matches!(path, "/healthz" | "/readyz" | "/openapi.json")
}

impl Auth {
    pub(super) fn new(token: Option<ApiToken>) -> Self {
        Auth { token }
    }

    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        match &self.token {
            Some(token) => check_token(token, headers),
            None => check_origin(uri, headers),
        }
    }
}

fn check_token(token: &ApiToken, headers: &HeaderMap) -> Result<(), Problem> {
    let unauthorized = |detail: &str, challenge: &'static str| {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    };
    let Some(presented) = bearer(headers) else {
        let detail = "this needs the host's API token, in a header `Authorization: Bearer TOKEN`";
        return Err(unauthorized(detail, "Bearer realm=\"dormouse\""));
    };
    if token.is(presented) {
        return Ok(());
    }
    let challenge = "Bearer realm=\"dormouse\", error=\"invalid_token\"";
    Err(unauthorized("this is not the host's API token", challenge))
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = single(headers, &AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

fn check_origin(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let forbidden = |detail| Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    let host = uri.authority().cloned().or_else(|| {
        let host = single(headers, &HOST)?.to_str().ok()?;
        host.parse::<Authority>().ok()
    });
    let Some(host) = host.filter(names_this_machine) else {
        return forbidden(
            "this host has no API token, so its API takes requests to localhost or a loopback address only; to use \
             it by another name, give the host a token with --api-token-file",
        );
    };
    if headers.contains_key(ORIGIN)
        && !single(headers, &ORIGIN).is_some_and(|origin| is_own(origin, &host))
    {
        return forbidden(
            "this host has no API token, so its API takes no requests from web pages of another origin; to use it \
             from there, give the host a token with --api-token-file",
        );
    }
    Ok(())
}

fn names_this_machine(host: &Authority) -> bool {
    if host.as_str().contains('@') {
        return false;
    }
    let name = host.host();
    let literal = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || literal
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// The host speaks plain HTTP, so its own pages have an origin of that scheme.
fn is_own(origin: &HeaderValue, host: &Authority) -> bool {
    let Some(authority) = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.strip_prefix("http://"))
    else {
        return false;
    };
    let Ok(origin) = authority.parse::<Authority>() else {
        return false;
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(80);
    origin.host().eq_ignore_ascii_case(host.host())
        && port(&origin) == port(host)
        && !authority.contains('@')
}

/// The value of a header that is there once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> ApiToken {
        let token = ApiToken::from_environment(|_| Some("secret".into()));
        token.unwrap().unwrap()
    }

    fn headers(list: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    fn check(auth: &Auth, list: &[(HeaderName, &'static str)], expected: Result<(), u16>) {
        let uri = Uri::from_static("/v1/runs");
        let found = auth
            .check(&uri, &headers(list))
            .map_err(|problem| problem.status().as_u16());
        assert_eq!(found, expected, "{list:?}");
    }

    #[test]
    fn with_a_token_only_the_token_counts() {
        let auth = Auth::new(Some(token()));
        check(&auth, &[(AUTHORIZATION, "Bearer secret")], Ok(()));
        check(&auth, &[(AUTHORIZATION, "bearer  secret")], Ok(()));
        check(
            &auth,
            &[(AUTHORIZATION, "Bearer secret"), (HOST, "evil.example")],
            Ok(()),
        );
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer Secret",
            "Bearer secrets",
            "Basic secret",
            "secret",
            "",
        ] {
            check(&auth, &[(AUTHORIZATION, value)], Err(401));
        }
        check(&auth, &[], Err(401));
        check(&auth, &[(HOST, "localhost")], Err(401));
        check(
            &auth,
            &[
                (AUTHORIZATION, "Bearer secret"),
                (AUTHORIZATION, "Bearer x"),
            ],
            Err(401),
        );
    }

    #[test]
    fn without_a_token_the_name_must_be_this_machine() {
        let auth = Auth::new(None);
        for host in [
            "localhost",
            "LocalHost:4100",
            "127.0.0.1:4100",
            "127.9.9.9",
            "[::1]:4100",
            "[::ffff:127.0.0.1]",
        ] {
            check(&auth, &[(HOST, host)], Ok(()));
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "evil.example:4100",
            "0.0.0.0:4100",
            "10.0.0.1",
            "[::]",
            "localhost@evil.example",
            "evil@localhost",
            "127.0.0.1.nip.io",
            "2130706433",
            "",
        ] {
            check(&auth, &[(HOST, host)], Err(403));
        }
        check(&auth, &[], Err(403));
        check(&auth, &[(HOST, "localhost"), (HOST, "localhost")], Err(403));
    }

    #[test]
    fn without_a_token_a_page_must_be_the_hosts_own() {
        let auth = Auth::new(None);
        let from = |origin, expected| {
            check(
                &auth,
                &[(HOST, "localhost:4100"), (ORIGIN, origin)],
                expected,
            );
        };
        from("http://localhost:4100", Ok(()));
        from("http://LOCALHOST:4100", Ok(()));
        for origin in [
            "http://localhost",
            "http://localhost:4101",
            "https://localhost:4100",
            "http://127.0.0.1:4100",
            "http://evil.example",
            "http://x@localhost:4100",
            "null",
            "",
        ] {
            from(origin, Err(403));
        }
        check(
            &auth,
            &[(HOST, "localhost"), (ORIGIN, "http://localhost:80")],
            Ok(()),
        );
    }

    #[test]
    fn http_2_names_the_host_in_the_target() {
        let auth = Auth::new(None);
        let evil = Uri::from_static("http://evil.example/v1/runs");
        assert!(auth.check(&evil, &headers(&[(HOST, "localhost")])).is_err());
        let own = Uri::from_static("http://localhost/v1/runs");
        assert!(auth.check(&own, &HeaderMap::new()).is_ok());
    }

    #[test]
    fn probes_are_open_and_all_else_is_guarded() {
        for path in ["/healthz", "/readyz", "/openapi.json"] {
            assert!(!is_guarded(path), "{path}");
        }
        for path in ["/v1/runs", "/metrics", "/", "/healthz/", "/v1/../healthz"] {
            assert!(is_guarded(path), "{path}");
        }
    }

    #[test]
    fn a_refusal_says_how_to_be_let_in() {
        let problem = Auth::new(Some(token())).check(&Uri::from_static("/"), &HeaderMap::new());
        let response = problem.unwrap_err().into_response();
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            "Bearer realm=\"dormouse\""
        );
    }
}
