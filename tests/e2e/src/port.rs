//! Ports for hosts, which must be there again after a restart.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// Below the ports that the system gives to outgoing connections, which would take one while its host is down.
const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A port of the loopback interface, for the TCP listener of one host at a time.
///
/// Tests run as processes beside each other. Whoever holds the UDP port of a number owns the TCP port of that number;
/// nothing but this module knows that rule, and nothing else needs to.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _owned: UdpSocket,
}

impl Port {
    /// One that nobody uses.
    pub(crate) fn reserve() -> Self {
        // Neighbouring processes begin far from each other.
        let start = std::process::id().wrapping_mul(7919) % COUNT;
        let candidates = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
        candidates
            .filter_map(|number| u16::try_from(number).ok())
            .find_map(Self::own)
            .expect("a free port")
    }

    pub(crate) fn number(&self) -> u16 {
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
