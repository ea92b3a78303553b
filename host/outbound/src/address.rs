//! The kinds of IP addresses: public ones, and the ranges that are not public.
//!
//! The ranges are those of IANA's special-purpose address registries for IPv4 and IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The kinds of address that are not on the public Internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Addresses of this machine itself.
    Loopback,
    /// Private addresses of RFC 1918, unique local ones, and the prefix for translators inside a network.
    Private,
    /// Addresses on the same link. The metadata service of most clouds has one.
    LinkLocal,
    /// Addresses between the customers of a provider and its translator (RFC 6598).
    Shared,
    /// `0.0.0.0/8` and `::`. A connection to `0.0.0.0` or `::` reaches this machine.
    ThisNetwork,
    /// Addresses of groups of machines.
    Multicast,
    /// Addresses in a public range that exist only on the machines of a cloud.
    CloudPlatform,
    /// Addresses for documentation, benchmarks and future use, and others that are not routed.
    Reserved,
}

impl Class {
    /// Returns the class of an address. None if it is public. An IPv4 address within an IPv6 address is not looked at,
    /// unless the address is IPv4-mapped; [`faces`] returns both.
    pub(crate) fn of(address: IpAddr) -> Option<Class> {
        match address {
            IpAddr::V4(address) => class_v4(address),
            IpAddr::V6(address) => class_v6(address),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Loopback => "a loopback address",
            Class::Private => "a private address",
            Class::LinkLocal => "a link-local address",
            Class::Shared => "an address shared behind a provider's translator",
            Class::ThisNetwork => "an unspecified address",
            Class::Multicast => "a multicast address",
            Class::CloudPlatform => "a cloud platform's internal address",
            Class::Reserved => "a reserved address",
        })
    }
}

/// Returns an address in its canonical form. The canonical form of an IPv4-mapped address (`::ffff:a.b.c.d`) is the
/// IPv4 address that a connection would go to.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        // An IPv6 address keeps its scope, without which a link-local address means nothing.
        IpAddr::V6(_) => address,
    }
}

/// Returns every address at which a packet to `address` may arrive: the address itself, and the IPv4 addresses that a
/// translator or a tunnel would read from it.
pub(crate) fn faces(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let address = address.to_canonical();
    let embedded = match address {
        IpAddr::V4(_) => [None, None],
        IpAddr::V6(address) => embedded(address),
    };
    std::iter::once(address).chain(embedded.into_iter().flatten().map(IpAddr::V4))
}

fn class_v4(address: Ipv4Addr) -> Option<Class> {
    Some(match address.octets() {
        [0, ..] => Class::ThisNetwork,
        [127, ..] => Class::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Class::Private,
        [169, 254, ..] => Class::LinkLocal,
        [100, 64..=127, ..] => Class::Shared,
        [224..=239, ..] => Class::Multicast,
        // Azure serves its machines their configuration at this address.
        [168, 63, 129, 16] => Class::CloudPlatform,
        [192, 0, 0, _]
        | [192, 0, 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => Class::Reserved,
        _ => return None,
    })
}

fn class_v6(address: Ipv6Addr) -> Option<Class> {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return class_v4(mapped);
    }
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::ThisNetwork,
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        [0xfc00..=0xfdff, ..] | [0x64, 0xff9b, 1, ..] => Class::Private,
        // The second range is that of site-local addresses. It is deprecated, but systems still treat it as local.
        [0xfe80..=0xfebf, ..] | [0xfec0..=0xfeff, ..] => Class::LinkLocal,
        [0xff00..=0xffff, ..] => Class::Multicast,
        // An address of NAT64 or Teredo contains IPv4 addresses, which are judged on their own.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x2001, 0, ..] => return None,
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Class::Reserved,
        [0x2000..=0x3fff, ..] => return None,
        _ => Class::Reserved,
    })
}

fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let from = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // IPv4-compatible. `::` and `::1` are not, although they look like it.
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) > (0, 1) => [from(high, low), None],
        // NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => [from(high, low), None],
        // 6to4.
        [0x2002, high, low, ..] => [from(high, low), None],
        // Teredo: the address of the server, and that of the client with every bit inverted.
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            [from(server_high, server_low), from(!high, !low)]
        }
        _ => [None, None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the class by which the policy refuses an address: the first one among its faces.
    fn class_of(text: &str) -> Option<Class> {
        faces(text.parse().unwrap()).find_map(Class::of)
    }

    #[test]
    fn addresses_that_are_not_public() {
        let table = [
            ("0.0.0.0", Class::ThisNetwork),
            ("0.1.2.3", Class::ThisNetwork),
            ("10.0.0.0", Class::Private),
            ("10.255.255.255", Class::Private),
            ("100.64.0.0", Class::Shared),
            ("100.100.100.200", Class::Shared),
            ("100.127.255.255", Class::Shared),
            ("127.0.0.1", Class::Loopback),
            ("127.255.255.255", Class::Loopback),
            ("168.63.129.16", Class::CloudPlatform),
            ("169.254.0.0", Class::LinkLocal),
            ("169.254.169.254", Class::LinkLocal),
            ("172.16.0.0", Class::Private),
            ("172.31.255.255", Class::Private),
            ("192.0.0.192", Class::Reserved),
            ("192.0.2.1", Class::Reserved),
            ("192.88.99.1", Class::Reserved),
            ("192.168.0.0", Class::Private),
            ("192.168.255.255", Class::Private),
            ("198.18.0.0", Class::Reserved),
            ("198.19.255.255", Class::Reserved),
            ("198.51.100.7", Class::Reserved),
            ("203.0.113.7", Class::Reserved),
            ("224.0.0.1", Class::Multicast),
            ("239.255.255.255", Class::Multicast),
            ("240.0.0.1", Class::Reserved),
            ("255.255.255.255", Class::Reserved),
            ("::", Class::ThisNetwork),
            ("::1", Class::Loopback),
            ("64:ff9b:1::1", Class::Private),
            ("100::1", Class::Reserved),
            ("2001:2::1", Class::Reserved),
            ("2001:20::1", Class::Reserved),
            ("2001:db8::1", Class::Reserved),
            ("3fff::1", Class::Reserved),
            ("3fff:fff:ffff::1", Class::Reserved),
            ("4000::1", Class::Reserved),
            ("5f00::1", Class::Reserved),
            ("fc00::1", Class::Private),
            ("fd00:ec2::254", Class::Private),
            ("fdff:ffff::1", Class::Private),
            ("fe80::1", Class::LinkLocal),
            ("febf::1", Class::LinkLocal),
            ("fec0::1", Class::LinkLocal),
            ("ff02::1", Class::Multicast),
        ];
        for (text, class) in table {
            assert_eq!(class_of(text), Some(class), "{text}");
        }
    }

    #[test]
    fn ipv4_addresses_inside_ipv6_addresses() {
        let table = [
            ("::ffff:127.0.0.1", Class::Loopback),
            ("::ffff:10.1.2.3", Class::Private),
            ("::127.0.0.1", Class::Reserved),
            ("::8.8.8.8", Class::Reserved),
            ("64:ff9b::127.0.0.1", Class::Loopback),
            ("64:ff9b::169.254.169.254", Class::LinkLocal),
            ("2002:7f00:1::1", Class::Loopback),
            ("2002:c0a8:101::1", Class::Private),
            // A Teredo server at 10.0.0.1, its client at a public address.
            ("2001:0:a00:1::f7f7:f7f7", Class::Private),
            // A Teredo server at 8.8.8.8, its client at 192.168.1.1.
            ("2001:0:808:808::3f57:fefe", Class::Private),
        ];
        for (text, class) in table {
            assert_eq!(class_of(text), Some(class), "{text}");
        }
    }

    #[test]
    fn public_addresses() {
        let table = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:0:808:808::f7f7:f7f7",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2002:808:808::1",
            "2606:4700:4700::1111",
            "3ffe::1",
        ];
        for text in table {
            assert_eq!(class_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_compatible_address_shows_its_ipv4_face() {
        let faces: Vec<_> = faces("::127.0.0.1".parse().unwrap()).collect();
        assert_eq!(
            faces,
            ["::127.0.0.1", "127.0.0.1"].map(|text| text.parse::<IpAddr>().unwrap())
        );
    }

    #[test]
    fn a_mapped_address_is_connected_to_as_ipv4_and_a_scope_is_kept() {
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:80".parse().unwrap();
        assert_eq!(canonical(mapped), "127.0.0.1:80".parse().unwrap());
        let scoped: SocketAddr = "[fe80::1%3]:80".parse().unwrap();
        assert_eq!(canonical(scoped), scoped);
    }
}
