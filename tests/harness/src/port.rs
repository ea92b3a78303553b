//! Ports that stay free while no process listens on them.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// The first number that is tried. All numbers are below those that the system gives to outgoing connections, which
/// could take the port while its host is down.
const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A TCP port of the loopback interface, reserved until this is dropped.
///
/// A host listens on the same port again after a restart, so no other test may take the port in between, even if many
/// tests run as processes at the same time. The owner of the UDP port of a number owns the TCP port of that number.
/// Only this module needs to know that rule.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _owned: UdpSocket,
}

impl Port {
    /// Reserves a port that is not in use.
    ///
    /// # Errors
    /// If all ports are in use.
    pub fn reserve() -> io::Result<Self> {
        // Processes that run at the same time begin at numbers that are far apart.
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
