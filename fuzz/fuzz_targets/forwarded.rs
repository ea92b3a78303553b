//! The headers by which proxies say who calls. Checks that no headers make reading them panic, that proxies which are not
//! trusted are not believed, that a client cannot pretend to be another client by sending such headers to a trusted proxy, and
//! that the beginning of a URL which follows from them has a scheme, a host and a port and nothing else.

#![no_main]

use std::net::SocketAddr;

use arbitrary::Arbitrary;
use client::{TrustedProxies, caller};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use url::Url;

/// The module is included by its path, because its crate depends on wasmtime. It is not formatted here, because rustfmt would
/// not find its tests.
#[rustfmt::skip]
#[expect(dead_code, reason = "this target does not use the URL of a request")]
#[path = "../../host/server/src/ingress/client.rs"]
mod client;

const NAMES: [&str; 4] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
];

const PROXY: &str = "10.0.0.1:80";
const CLIENT: &str = "203.0.113.7";

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    /// Any headers.
    Headers(Vec<(Name, &'a [u8])>),
    /// The headers of a client, and after them those that two proxies add.
    Chain { said: &'a str, placed: Placed },
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Name {
    Forwarded,
    For,
    Proto,
    Host,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
enum Placed {
    ForwardedOnALine,
    ForwardedOnItsOwn,
    ForOnALine,
    ForOnItsOwn,
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Headers(given) => check_headers(&headers(&given)),
    Input::Chain { said, placed } => check_chain(said, placed),
});

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn trusted() -> TrustedProxies {
    TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("a network")])
}

fn headers(given: &[(Name, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(HeaderName::from_static(NAMES[*name as usize]), value);
        }
    }
    headers
}

fn check_headers(headers: &HeaderMap) {
    let stranger = address("198.51.100.1:80");
    let unknown = caller(stranger, headers, &trusted());
    assert_eq!(
        (unknown.address, unknown.scheme_and_host),
        (stranger.ip(), None)
    );
    if let Some(start) = caller(address(PROXY), headers, &trusted()).scheme_and_host {
        let url = Url::parse(&start).expect("it is a URL");
        assert!(matches!(url.scheme(), "http" | "https"), "{start}");
        assert_eq!(url.origin().ascii_serialization(), start);
    }
}

fn check_chain(said: &str, placed: Placed) {
    let (name, added) = match placed {
        Placed::ForwardedOnALine | Placed::ForwardedOnItsOwn => (
            Name::Forwarded,
            format!("for={CLIENT};proto=https, for=10.0.0.2"),
        ),
        Placed::ForOnALine | Placed::ForOnItsOwn => (Name::For, format!("{CLIENT}, 10.0.0.2")),
    };
    let lines = match placed {
        Placed::ForwardedOnALine | Placed::ForOnALine => vec![format!("{said}, {added}")],
        Placed::ForwardedOnItsOwn | Placed::ForOnItsOwn => vec![said.to_owned(), added],
    };
    let lines: Vec<_> = lines.iter().map(|line| (name, line.as_bytes())).collect();
    let address_seen = caller(address(PROXY), &headers(&lines), &trusted()).address;
    let is_client = address_seen.to_string() == CLIENT;
    // A line that is malformed says nothing at all, what the proxies added to it included.
    let may_be_lost = match placed {
        Placed::ForwardedOnALine => true,
        Placed::ForOnALine => !said.is_ascii() || said.contains(|c: char| c.is_ascii_control()),
        Placed::ForwardedOnItsOwn | Placed::ForOnItsOwn => false,
    };
    let is_proxy = address_seen == address(PROXY).ip();
    assert!(is_client || (may_be_lost && is_proxy), "{address_seen}");
}
