//! The host's own listeners. They serve the host's API, which no workflow may reach by a call.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::address;

/// The addresses on which the host itself listens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listeners(Vec<SocketAddr>);

impl Listeners {
    pub(crate) fn new(addresses: Vec<SocketAddr>) -> Self {
        Listeners(addresses.into_iter().map(address::canonical).collect())
    }

    /// Returns whether a connection to this address would or might end at one of the host's own listeners.
    pub(crate) fn include(&self, target: SocketAddr) -> bool {
        self.0
            .iter()
            .filter(|own| own.port() == target.port())
            .any(|own| address::faces(target.ip()).any(|face| reaches(face, own.ip())))
    }
}

/// Returns whether a connection to `target` arrives at a listener that is bound to `own`.
fn reaches(target: IpAddr, own: IpAddr) -> bool {
    if target == own || target.is_unspecified() {
        // A connection to `0.0.0.0` or `::` goes to some address of this machine.
        return true;
    }
    own.is_unspecified() && is_local(target)
}

/// Returns whether an address belongs to this machine. A system binds sockets only to its own addresses, so this tries
/// to bind a socket to the address. A list of interfaces would miss addresses: the rest of 127.0.0.0/8, and whole
/// networks that are routed to this machine. If the system fails with another error, the address counts as local, since
/// to refuse a call by mistake does less harm than to allow it.
fn is_local(address: IpAddr) -> bool {
    match UdpSocket::bind((address, 0)) {
        Ok(_) => true,
        Err(error) => error.kind() != std::io::ErrorKind::AddrNotAvailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listeners: &[&str], target: &str, expected: bool) {
        let own = Listeners::new(listeners.iter().map(|own| own.parse().unwrap()).collect());
        assert_eq!(
            own.include(target.parse().unwrap()),
            expected,
            "{target} of {listeners:?}"
        );
    }

    #[test]
    fn a_listener_on_one_address() {
        check(&["127.0.0.1:7000"], "127.0.0.1:7000", true);
        check(&["127.0.0.1:7000"], "127.0.0.1:7001", false);
        check(&["127.0.0.1:7000"], "127.0.0.2:7000", false);
        check(&["8.8.8.8:7000"], "8.8.8.8:7000", true);
        check(&["127.0.0.1:7001", "[::1]:7000"], "[::1]:7000", true);
    }

    #[test]
    fn a_listener_on_all_addresses() {
        for own in ["0.0.0.0:7000", "[::]:7000"] {
            check(&[own], "127.0.0.1:7000", true);
            check(&[own], "127.200.0.1:7000", true);
            check(&[own], "[::1]:7000", true);
            check(&[own], "127.0.0.1:7001", false);
            check(&[own], "8.8.8.8:7000", false);
        }
    }

    #[test]
    fn unspecified_targets_end_on_this_machine() {
        check(&["127.0.0.1:7000"], "0.0.0.0:7000", true);
        check(&["[::1]:7000"], "[::]:7000", true);
    }

    #[test]
    fn other_spellings_of_a_listeners_address() {
        check(&["127.0.0.1:7000"], "[::ffff:127.0.0.1]:7000", true);
        check(&["[::ffff:127.0.0.1]:7000"], "127.0.0.1:7000", true);
        check(&["127.0.0.1:7000"], "[64:ff9b::7f00:1]:7000", true);
        check(&["127.0.0.1:7000"], "[2002:7f00:1::]:7000", true);
        check(&["0.0.0.0:7000"], "[::127.0.0.1]:7000", true);
    }

    #[test]
    fn the_system_knows_its_addresses() {
        assert!(is_local("127.0.0.1".parse().unwrap()));
        assert!(!is_local("8.8.8.8".parse().unwrap()));
    }
}
