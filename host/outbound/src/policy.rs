//! The policy for calls: where calls may go, and how operators write the list of allowed places.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use url::Host;

use crate::address::{self, Class};

/// The rules for where calls may go. By default, calls may go only to public addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// True if calls may also go to addresses that are not public, such as loopback, private and link-local ones.
    pub allow_private: bool,
    /// Places that calls may go to although their addresses are not public.
    pub allow: Vec<Allowed>,
}

/// A place that calls may go to although its address is not public: a network (`10.1.0.0/16`), an address (`10.1.2.3`),
/// an address and port (`[::1]:8080`), or a name and port (`internal.example:443`). Any address that the name resolves
/// to is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed(Place);

/// The error of a text that cannot be parsed as an [`Allowed`] place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot allow calls to {entry:?}: {reason}; write a network (10.1.0.0/16), an address (10.1.2.3), an address and \
     port ([::1]:8080) or a name and port (internal.example:443)"
)]
pub struct InvalidAllowed {
    entry: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Network(IpNet),
    Address(SocketAddr),
    Name(String, u16),
}

impl Policy {
    /// Checks that a call to `host` may connect to `address`, which `host` was resolved to. The error is the class of the
    /// refused address.
    pub(crate) fn check(&self, host: &str, address: SocketAddr) -> Result<(), Class> {
        if self.allow_private || self.lists(host, address) {
            return Ok(());
        }
        for face in address::faces(address.ip()) {
            if let Some(class) = Class::of(face)
                && !self.lists(host, SocketAddr::new(face, address.port()))
            {
                return Err(class);
            }
        }
        Ok(())
    }

    fn lists(&self, host: &str, address: SocketAddr) -> bool {
        self.allow
            .iter()
            .any(|allowed| allowed.covers(host, address))
    }
}

impl Allowed {
    fn covers(&self, host: &str, address: SocketAddr) -> bool {
        match &self.0 {
            Place::Network(network) => network.contains(&address.ip()),
            Place::Address(own) => own.ip() == address.ip() && own.port() == address.port(),
            Place::Name(name, port) => name == without_root_dot(host) && *port == address.port(),
        }
    }
}

impl FromStr for Allowed {
    type Err = InvalidAllowed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map(Allowed).map_err(|reason| InvalidAllowed {
            entry: text.to_owned(),
            reason,
        })
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Network(network) => network.fmt(f),
            Place::Address(address) => address.fmt(f),
            Place::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

fn parse(text: &str) -> Result<Place, &'static str> {
    if text.contains('/') {
        let network = text.parse::<IpNet>().map_err(|_| "it is not a network")?;
        return Ok(Place::Network(network.trunc()));
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(Place::Network(address.to_canonical().into()));
    }
    let (host, port) = text.rsplit_once(':').ok_or("its port is missing")?;
    let port = match port.parse() {
        Ok(0) | Err(_) => return Err("its port is not a number from 1 to 65535"),
        Ok(port) => port,
    };
    // The same parser reads the URL of a call, so the host is spelt here as it is there.
    Ok(
        match Host::parse(host).map_err(|_| "its host is not a name or an address")? {
            Host::Domain(name) => Place::Name(without_root_dot(&name).to_owned(), port),
            Host::Ipv4(ip) => Place::Address(SocketAddr::new(ip.into(), port)),
            Host::Ipv6(ip) => Place::Address(address::canonical(SocketAddr::new(ip.into(), port))),
        },
    )
}

/// Returns a name without a dot at its end. `internal.example.` is the same host as `internal.example`.
fn without_root_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str]) -> Policy {
        Policy {
            allow_private: false,
            allow: allow.iter().map(|entry| entry.parse().unwrap()).collect(),
        }
    }

    fn check(allow: &[&str], host: &str, address: &str, expected: Result<(), Class>) {
        let checked = policy(allow).check(host, address.parse().unwrap());
        assert_eq!(
            checked, expected,
            "{host} at {address} when {allow:?} is allowed"
        );
    }

    #[test]
    fn by_default_only_the_public_internet() {
        check(&[], "service.example", "8.8.8.8:443", Ok(()));
        check(&[], "service.example", "10.1.2.3:443", Err(Class::Private));
        check(
            &[],
            "service.example",
            "[64:ff9b::a01:203]:443",
            Err(Class::Private),
        );
    }

    #[test]
    fn allow_private_allows_every_class() {
        let policy = Policy {
            allow_private: true,
            allow: Vec::new(),
        };
        for address in [
            "127.0.0.1:80",
            "10.0.0.1:80",
            "[fe80::1]:80",
            "169.254.169.254:80",
        ] {
            assert_eq!(
                policy.check("service.example", address.parse().unwrap()),
                Ok(())
            );
        }
    }

    #[test]
    fn a_network_covers_its_addresses_at_any_port() {
        check(&["10.1.0.0/16"], "a.example", "10.1.255.255:1", Ok(()));
        check(
            &["10.1.0.0/16"],
            "a.example",
            "10.2.0.0:1",
            Err(Class::Private),
        );
        check(&["10.1.2.3/16"], "a.example", "10.1.9.9:1", Ok(()));
        check(&["fd00::/8"], "a.example", "[fd12::1]:1", Ok(()));
        check(
            &["fd00::/8"],
            "a.example",
            "[fc12::1]:1",
            Err(Class::Private),
        );
    }

    #[test]
    fn an_address_alone_covers_its_ports_only_when_none_is_named() {
        check(&["10.1.2.3"], "a.example", "10.1.2.3:1", Ok(()));
        check(
            &["10.1.2.3"],
            "a.example",
            "10.1.2.4:1",
            Err(Class::Private),
        );
        check(&["[::1]"], "[::1]", "[::1]:1", Ok(()));
        check(&["[::1]:8080"], "[::1]", "[::1]:8080", Ok(()));
        check(&["[::1]:8080"], "[::1]", "[::1]:8081", Err(Class::Loopback));
        check(&["10.1.2.3:80"], "a.example", "10.1.2.3:80", Ok(()));
        check(
            &["10.1.2.3:80"],
            "a.example",
            "10.1.2.3:81",
            Err(Class::Private),
        );
    }

    #[test]
    fn a_name_covers_whatever_it_resolves_to_at_its_port() {
        let allow = ["Internal.Example:443"];
        check(&allow, "internal.example", "10.1.2.3:443", Ok(()));
        check(&allow, "internal.example.", "10.1.2.3:443", Ok(()));
        check(
            &allow,
            "internal.example",
            "10.1.2.3:444",
            Err(Class::Private),
        );
        check(&allow, "other.example", "10.1.2.3:443", Err(Class::Private));
    }

    #[test]
    fn a_translated_address_is_allowed_with_the_one_inside_it() {
        check(
            &["10.1.0.0/16"],
            "a.example",
            "[64:ff9b::a01:203]:1",
            Ok(()),
        );
        // One of the two faces is not enough.
        check(
            &["10.1.0.0/16"],
            "a.example",
            "[2001:0:a01:203::3f57:fefe]:1",
            Err(Class::Private),
        );
        check(
            &["2001::/32"],
            "a.example",
            "[2001:0:a01:203::3f57:fefe]:1",
            Ok(()),
        );
    }

    #[test]
    fn entries_are_shown_as_they_are_understood() {
        let table = [
            ("10.1.2.3/16", "10.1.0.0/16"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("[::1]:8080", "[::1]:8080"),
            ("0x7f.1:80", "127.0.0.1:80"),
            ("[::ffff:7f00:1]:80", "127.0.0.1:80"),
            ("BÜCHER.example:443", "xn--bcher-kva.example:443"),
        ];
        for (text, shown) in table {
            assert_eq!(
                text.parse::<Allowed>().unwrap().to_string(),
                shown,
                "{text}"
            );
        }
    }

    #[test]
    fn an_invalid_place_is_refused_with_the_reason() {
        let table = [
            ("", "its port is missing"),
            ("internal.example", "its port is missing"),
            (
                "internal.example:",
                "its port is not a number from 1 to 65535",
            ),
            (
                "internal.example:0",
                "its port is not a number from 1 to 65535",
            ),
            (
                "internal.example:65536",
                "its port is not a number from 1 to 65535",
            ),
            (":443", "its host is not a name or an address"),
            ("a b:443", "its host is not a name or an address"),
            ("10.1.0.0/33", "it is not a network"),
            ("https://internal.example", "it is not a network"),
        ];
        for (text, reason) in table {
            let error = text.parse::<Allowed>().unwrap_err().to_string();
            let expected = format!("cannot allow calls to {text:?}: {reason}; write a network");
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}
