//! Finds out who called, and by which URL, if there are proxies in between.
//!
//! A proxy names its client in headers that anybody can send. They are believed only from a proxy that the settings
//! name. Of a chain of proxies, only the last part is believed, which such proxies added: each adds at the end (RFC
//! 7239, section 4; the same custom holds for `X-Forwarded-For`).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use dormouse_config::Network;
use http::HeaderMap;
use http::header::FORWARDED;
use url::Url;

/// The proxies that are believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<Network>);

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The address of the client, as far as it is known. If a trusted proxy does not name its client, the address of
    /// that proxy.
    pub address: IpAddr,
    /// The beginning of the client's URL, such as `https://hooks.example`, if a trusted proxy named it.
    pub scheme_and_host: Option<String>,
}

/// Returns the caller. `peer` is the address at the other end of the connection.
///
/// Most proxies write either `Forwarded` or the `X-Forwarded-` headers, and pass on the other as their client sent it.
/// So if a request has both, only what they agree on counts.
#[must_use]
pub fn caller(peer: SocketAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> Caller {
    let peer = peer.ip().to_canonical();
    let unknown = Caller {
        address: peer,
        scheme_and_host: None,
    };
    if !trusted.include(peer) {
        return unknown;
    }
    match (
        forwarded(peer, headers, trusted),
        x_forwarded(peer, headers, trusted),
    ) {
        (None, None) => unknown,
        (Some(caller), None) | (None, Some(caller)) => caller,
        (Some(one), Some(other)) => Caller {
            address: if one.address == other.address {
                one.address
            } else {
                peer
            },
            scheme_and_host: one
                .scheme_and_host
                .filter(|said| other.scheme_and_host.as_ref() == Some(said)),
        },
    }
}

/// Returns the beginning of a request's URL, before `/hooks/`: the scheme and the host by which the client called, if a
/// trusted proxy named them, with the path of the public URL; otherwise the public URL.
#[must_use]
pub fn base<'a>(public_url: &'a str, caller: Option<&Caller>) -> Cow<'a, str> {
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

impl TrustedProxies {
    /// Creates the set of proxies in these networks.
    #[must_use]
    pub fn new(networks: Vec<Network>) -> Self {
        TrustedProxies(networks)
    }

    /// Returns true if this is the address of one of the proxies.
    pub(crate) fn include(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Returns the client at the end of a chain of proxies, the nearest proxy first. The chain ends at the first
    /// address that is not trusted, and before the first entry that is not an address.
    fn client(&self, peer: IpAddr, chain: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut client = peer;
        for address in chain.map_while(|address| address) {
            client = address;
            if !self.include(address) {
                break;
            }
        }
        client
    }
}

/// Returns the caller according to `Forwarded`. None if there is no such header.
fn forwarded(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> Option<Caller> {
    if !headers.contains_key(FORWARDED) {
        return None;
    }
    let mut elements = elements(headers);
    let nearest = elements.next().flatten();
    let scheme_and_host = nearest
        .as_ref()
        .and_then(|nearest| scheme_and_host(nearest.proto.as_deref()?, nearest.host.as_deref()?));
    let chain = std::iter::once(nearest).chain(elements);
    let chain = chain.map(|element| node(element?.client.as_deref()?));
    Some(Caller {
        address: trusted.client(peer, chain),
        scheme_and_host,
    })
}

/// Returns the caller according to the `X-Forwarded-` headers. None if there are none.
fn x_forwarded(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> Option<Caller> {
    let [client, proto, host] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
    if [client, proto, host]
        .iter()
        .all(|name| !headers.contains_key(*name))
    {
        return None;
    }
    let nearest = |name| values(headers, name).next().flatten();
    let scheme_and_host = nearest(proto).and_then(|proto| scheme_and_host(proto, nearest(host)?));
    let chain = values(headers, client).map(|value| node(value?));
    Some(Caller {
        address: trusted.client(peer, chain),
        scheme_and_host,
    })
}

/// Returns the values between the commas of a header, from the end of its last line. None for a line that is not text.
fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Option<&'a str>> {
    let lines = headers.get_all(name).into_iter().rev();
    lines.flat_map(|line| {
        let text = line.to_str().ok();
        let values = text.unwrap_or_default().rsplit(',');
        values.map(move |value| text.map(|_| value.trim()))
    })
}

/// The data that one proxy adds to `Forwarded`.
#[derive(Debug, Default)]
struct Element {
    client: Option<String>,
    proto: Option<String>,
    host: Option<String>,
}

/// Returns the elements of `Forwarded`, from the end of its last line. None for a malformed line: an open quotation
/// mark must not swallow what a proxy added after it, so the whole line is ignored.
fn elements(headers: &HeaderMap) -> impl Iterator<Item = Option<Element>> {
    let lines = headers.get_all(FORWARDED).into_iter().rev();
    lines.flat_map(|line| {
        let elements = line.to_str().ok().and_then(parse);
        match elements {
            Some(elements) => elements.into_iter().rev().map(Some).collect(),
            None => vec![None],
        }
    })
}

/// Parses a line of `Forwarded` (RFC 7239, section 4).
fn parse(mut rest: &str) -> Option<Vec<Element>> {
    let mut elements = vec![Element::default()];
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with([',', ';']) {
            let (name, value, behind) = pair(rest)?;
            let element = elements.last_mut()?;
            let field = match name.to_ascii_lowercase().as_str() {
                "for" => Some(&mut element.client),
                "proto" => Some(&mut element.proto),
                "host" => Some(&mut element.host),
                _ => None,
            };
            if let Some(field) = field
                && field.replace(value).is_some()
            {
                // Each parameter may appear once in an element.
                return None;
            }
            rest = behind.trim_start_matches([' ', '\t']);
        }
        match rest.chars().next() {
            None => return Some(elements),
            Some(';') => {}
            Some(',') => elements.push(Element::default()),
            Some(_) => return None,
        }
        rest = &rest[1..];
    }
}

/// Parses `name=value`, and returns the rest too.
fn pair(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = text.split_at(text.find('=')?);
    let rest = &rest[1..];
    if name.is_empty() || !name.bytes().all(is_of_token) {
        return None;
    }
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest
            .bytes()
            .position(|byte| !is_of_token(byte))
            .unwrap_or(rest.len());
        let (value, rest) = rest.split_at(end);
        return (!value.is_empty()).then(|| (name, value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((name, value, &quoted[at + 1..])),
            (_, '\\') => value.push(characters.next()?.1),
            (_, other) => value.push(other),
        }
    }
}

/// Returns true for the characters of a token (RFC 9110, section 5.6.2).
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Parses the address of a client, with or without its port. None if it is hidden (`unknown`, `_name`) or malformed.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = match (text.parse::<SocketAddr>(), bracketed) {
        (Ok(address), _) => address.ip(),
        (Err(_), Some(inner)) => inner.parse::<Ipv6Addr>().ok()?.into(),
        (Err(_), None) => text.parse().ok()?,
    };
    Some(address.to_canonical())
}

/// Returns `https://hooks.example` for a scheme and a host, if they can be the beginning of a URL and contain nothing
/// else.
fn scheme_and_host(scheme: &str, host: &str) -> Option<String> {
    let is_web = ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if !is_web || !host.bytes().all(is_plain) {
        return None;
    }
    let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
    Some(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests;
