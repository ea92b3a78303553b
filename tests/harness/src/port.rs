//! Ports that stay free while nobody listens on them.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// The first number that is tried. The numbers lie below those that the system gives to outgoing connections, which
/// would take one while its host is down.
const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A TCP port of the loopback interface, reserved until this is dropped.
///
/// A host listens on the same port again after a restart, so the port must stay its own in between, also when many
/// tests run as processes beside each other. Whoever holds the UDP port of a number owns the TCP port of that number.
/// Nothing but this module knows that rule, and nothing else needs to.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _owned: UdpSocket,
}

impl Port {
    /// Reserves a port that nobody uses.
    ///
    /// # Errors
    /// If there is none.
    pub fn reserve() -> io::Result<Self> {
        // Processes that run beside each other begin far from each other.
        let start = std::process::id().wrapping_mul(7919) % COUNT;
        (0..COUNT)
            .map(|step| FIRST + (start + step) % COUNT)
            .filter_map(|number| u16::try_from(number).ok())
            .find_map(Self::own)
            .ok_or_else(|| io::Error::new(io::ErrorKind::AddrInUse, "no port is free"))
    }

    /// Returns the port's number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    fn own(number: u16) -> Option<Self> {
        let owned = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Port {
            number,
            _owned: owned,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_reserved_twice() {
        let ports: Vec<Port> = (0..10).map(|_| Port::reserve().unwrap()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), ports.len());
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_passed_over() {
        let taken = Port::reserve().unwrap().number();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        assert!(Port::own(taken).is_none());
    }
}
