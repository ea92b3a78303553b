//! Decides who may use the API.
//!
//! If there is a token, whoever presents it may. Without a token, the host listens on loopback only, and the danger is
//! a web page: a browser on this machine sends what any page asks for. So the request must name this machine, against a
//! foreign name that resolves to it. With or without a token, a request from a page must come from one of the host's
//! own pages, whatever the method. A browser shows this in `Sec-Fetch-Site` (<https://www.w3.org/TR/fetch-metadata/>)
//! and in `Origin`.

use std::net::IpAddr;

use dormouse_config::ApiToken;
use http::header::{AUTHORIZATION, ORIGIN, WWW_AUTHENTICATE};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use url::Url;

use crate::problem::Problem;
use crate::request::head::named_host;

/// The relation of the page that sent a request to the host. Programs do not send this header. Browsers always do to
/// encrypted addresses and to loopback.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The rule that decides who may use the API.
#[derive(Debug)]
pub(super) struct Auth {
    token: Option<ApiToken>,
    /// The origin of the public URL, under which a proxy with a certificate serves the host.
    public: String,
}

/// Returns true for the health probes. They must be open to load balancers, which have no token, and to dashboards,
/// which are pages. They reveal nothing.
fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// Returns true for the API's document, which reveals nothing about the host either.
fn is_document(path: &str) -> bool {
    path == "/openapi.json"
}

impl Auth {
    pub(super) fn new(token: Option<ApiToken>, public_url: &str) -> Self {
        let public = Url::parse(public_url).map(|url| url.origin().ascii_serialization());
        Auth {
            token,
            public: public.unwrap_or_default(),
        }
    }

    /// Checks that a request may use the API.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let path = uri.path();
        if is_probe(path) {
            return Ok(());
        }
        let host = named_host(uri, headers);
        self.check_page(host.as_ref(), headers)?;
        match &self.token {
            _ if is_document(path) => Ok(()),
            Some(token) => check_token(token, headers),
            None => check_name(host.as_ref()),
        }
    }

    /// Checks that a request does not come from a page of another origin.
    fn check_page(&self, host: Option<&Authority>, headers: &HeaderMap) -> Result<(), Problem> {
        let is_own_site =
            |value: &HeaderValue| matches!(value.as_bytes(), b"same-origin" | b"none");
        let is_good = |name: &HeaderName, is_own: &dyn Fn(&HeaderValue) -> bool| {
            !headers.contains_key(name) || single(headers, name).is_some_and(is_own)
        };
        if is_good(&SEC_FETCH_SITE, &is_own_site)
            && is_good(&ORIGIN, &|origin| self.is_own(origin, host))
        {
            return Ok(());
        }
        let detail = "the API takes no requests from web pages of another origin, as the headers Sec-Fetch-Site and Origin \
             say that this one is; use the command line, or a program that is not a browser";
        Err(Problem::new(StatusCode::FORBIDDEN, "cross-site", detail))
    }

    /// Returns true if this is the origin of the host's own pages. The host itself speaks plain HTTP under the name in
    /// the request. A host with a token may have a proxy in front, which speaks HTTPS under the public name.
    fn is_own(&self, origin: &HeaderValue, host: Option<&Authority>) -> bool {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        if self.token.is_some() && origin.eq_ignore_ascii_case(&self.public) {
            return true;
        }
        let named = origin.strip_prefix("http://");
        let (Some(named), Some(host)) = (named.and_then(|named| named.parse().ok()), host) else {
            return false;
        };
        let named: Authority = named;
        let port = |authority: &Authority| authority.port_u16().unwrap_or(80);
        named.host().eq_ignore_ascii_case(host.host())
            && port(&named) == port(host)
            && !named.as_str().contains('@')
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

/// Checks that a request names this machine.
fn check_name(host: Option<&Authority>) -> Result<(), Problem> {
    if host.is_some_and(names_this_machine) {
        return Ok(());
    }
    let detail = "this host has no API token, so its API takes requests to localhost or a loopback address only; to use \
         it by another name, give the host a token with --api-token-file";
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
}

fn names_this_machine(host: &Authority) -> bool {
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

/// Returns the value of a header that is present exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use http::header::HOST;

    use axum::response::IntoResponse;

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
        let auth = Auth::new(Some(token()), "https://hooks.example/base");
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
        let auth = Auth::new(None, "https://hooks.example");
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
        let auth = Auth::new(None, "https://hooks.example");
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
        let auth = Auth::new(None, "https://hooks.example");
        let evil = Uri::from_static("http://evil.example/v1/runs");
        assert!(auth.check(&evil, &headers(&[(HOST, "localhost")])).is_err());
        let own = Uri::from_static("http://localhost/v1/runs");
        assert!(auth.check(&own, &HeaderMap::new()).is_ok());
    }

    #[test]
    fn probes_are_open_and_all_else_is_guarded() {
        let auth = Auth::new(Some(token()), "https://hooks.example");
        let status = |path: &str, list: &[(HeaderName, &'static str)]| {
            let checked = auth.check(&path.parse().unwrap(), &headers(list));
            checked.map_err(|problem| problem.status().as_u16())
        };
        let page = [(SEC_FETCH_SITE, "cross-site")];
        for path in ["/healthz", "/readyz"] {
            assert_eq!(status(path, &page), Ok(()), "{path}");
        }
        assert_eq!(status("/openapi.json", &[]), Ok(()));
        assert_eq!(status("/openapi.json", &page), Err(403));
        for path in ["/v1/runs", "/metrics", "/", "/healthz/", "/v1/../healthz"] {
            assert_eq!(status(path, &[]), Err(401), "{path}");
            assert_eq!(status(path, &page), Err(403), "{path}");
        }
    }

    #[test]
    fn a_page_must_be_the_hosts_own_with_a_token_too() {
        let with = |auth: &Auth, list: &[(HeaderName, &'static str)], expected| {
            let own = [(HOST, "localhost:4100"), (AUTHORIZATION, "Bearer secret")];
            check(auth, &[&own[..], list].concat(), expected);
        };
        for token in [None, Some(token())] {
            let has_token = token.is_some();
            let auth = Auth::new(token, "https://hooks.example/base");
            for site in ["same-origin", "none"] {
                with(&auth, &[(SEC_FETCH_SITE, site)], Ok(()));
            }
            for site in ["cross-site", "same-site", "Same-Origin", "", "none, none"] {
                with(&auth, &[(SEC_FETCH_SITE, site)], Err(403));
            }
            let twice = [(SEC_FETCH_SITE, "none"), (SEC_FETCH_SITE, "none")];
            with(&auth, &twice, Err(403));
            let own = (ORIGIN, "http://localhost:4100");
            with(
                &auth,
                &[own.clone(), (SEC_FETCH_SITE, "same-origin")],
                Ok(()),
            );
            with(
                &auth,
                &[own.clone(), (SEC_FETCH_SITE, "cross-site")],
                Err(403),
            );
            with(&auth, &[own.clone(), own], Err(403));
            with(&auth, &[(ORIGIN, "http://evil.example")], Err(403));
            with(
                &auth,
                &[(ORIGIN, "null"), (SEC_FETCH_SITE, "none")],
                Err(403),
            );
            let public = if has_token { Ok(()) } else { Err(403) };
            with(&auth, &[(ORIGIN, "https://hooks.example")], public);
        }
    }

    #[test]
    fn a_refusal_says_how_to_be_let_in() {
        let problem = Auth::new(Some(token()), "https://hooks.example/base")
            .check(&Uri::from_static("/"), &HeaderMap::new());
        let response = problem.unwrap_err().into_response();
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            "Bearer realm=\"dormouse\""
        );
    }
}
