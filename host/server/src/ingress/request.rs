//! From HTTP's request to the run's: the public URL, every header, the raw body, and no more of it than allowed.

use std::borrow::Cow;

use axum::body::Body;
use bytes::Bytes;
use dormouse_journal::Request;

use super::client::Caller;
use crate::problem::Problem;
use crate::request::body;

/// What the URL of a request begins with, before `/hooks/`: the scheme and the host by which its client called, if a
/// trusted proxy said so, with the path that the public URL has; else the public URL.
pub(super) fn base<'a>(public_url: &'a str, caller: Option<&Caller>) -> Cow<'a, str> {
    let public_url = public_url.trim_end_matches('/');
    let said = caller.and_then(|caller| caller.scheme_and_host.as_deref());
    let Some(scheme_and_host) = said else {
        return public_url.into();
    };
    let behind_scheme = public_url.split_once("://").map_or("", |(_, rest)| rest);
    let path = behind_scheme
        .find('/')
        .map_or("", |at| &behind_scheme[at..]);
    format!("{scheme_and_host}{path}").into()
}

/// Reads a request. Its headers are in the order in which their names came first, repeats of a name together and in
/// order: the order of different names means nothing (RFC 9110, section 5.3), and HTTP/2 does not keep it.
pub(super) async fn read(
    request: http::Request<Body>,
    base: &str,
    limit: u64,
) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    let body = body::read(&parts.headers, body, limit, dormouse_limits::BODY).await?;
    let target = parts.uri.path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = Bytes::copy_from_slice(value.as_bytes());
        (name.as_str().to_owned(), value)
    });
    Ok(Request {
        method: parts.method.as_str().to_owned(),
        url: format!("{base}{target}"),
        headers: headers.collect(),
        body,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn a_trusted_proxy_says_scheme_and_host_and_the_public_url_the_path() {
        let caller = |said: &str| Caller {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            scheme_and_host: (!said.is_empty()).then(|| said.to_owned()),
        };
        let table = [
            ("http://a.example", "", "http://a.example"),
            ("http://a.example/base/", "", "http://a.example/base"),
            (
                "http://a.example",
                "https://b.example:8443",
                "https://b.example:8443",
            ),
            (
                "http://a.example/",
                "https://b.example",
                "https://b.example",
            ),
            (
                "http://a.example:80/x/y",
                "https://b.example",
                "https://b.example/x/y",
            ),
        ];
        for (public_url, said, expected) in table {
            assert_eq!(base(public_url, Some(&caller(said))), expected);
        }
        assert_eq!(base("http://a.example/base", None), "http://a.example/base");
    }
}
