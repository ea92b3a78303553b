//! A network, or one address, as an entry of a setting.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A network (`10.0.0.0/8`), or one address (`127.0.0.1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// The error for a text that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network; write a network (10.0.0.0/8) or an address (127.0.0.1)")]
pub struct InvalidNetwork(String);

impl Network {
    /// Returns true if this address is in the network. An IPv4 address also counts in its IPv6 form
    /// (`::ffff:10.0.0.1`), in which a listener on `[::]` gets it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = match text.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => Ok(address.to_canonical().into()),
            Err(_) => text.parse::<IpNet>(),
        };
        network
            .map(Network)
            .map_err(|_| InvalidNetwork(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_network_however_both_are_spelled() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("::ffff:127.0.0.1", "127.0.0.1", true),
            ("[::1]", "::1", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "10.0.0.1", false),
        ];
        for (network, address, expected) in table {
            let network: Network = network.parse().unwrap();
            let contains = network.contains(address.parse().unwrap());
            assert_eq!(contains, expected, "{address} in {network:?}");
        }
    }

    #[test]
    fn an_invalid_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "proxy.example",
            "10.0.0.1:80",
            "[::1]:80",
        ] {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{text:?} is not a network; write")),
                "{error}"
            );
        }
    }
}
