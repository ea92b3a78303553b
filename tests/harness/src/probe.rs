//! One question to a host: whether it is healthy, or whether it can take work.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The time that a host has for one answer. A host that is starting listens for a while before it answers.
const WITHIN: Duration = Duration::from_secs(10);

/// The largest number of bytes of an answer that are read.
const MOST: u64 = 64 << 10;

/// A question to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Whether the host is healthy: `GET /healthz`. A host whose disk is full is healthy.
    Health,
    /// Whether the host can take work: `GET /readyz`.
    Readiness,
}

impl Probe {
    /// Returns true if the host at this address answers with 200.
    pub(crate) fn succeeds(self, address: SocketAddr) -> bool {
        self.ask(address).unwrap_or(false)
    }

    fn ask(self, address: SocketAddr) -> io::Result<bool> {
        let path = match self {
            Probe::Health => "/healthz",
            Probe::Readiness => "/readyz",
        };
        let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
        stream.set_read_timeout(Some(WITHIN))?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        // The answer is read to its end, since a connection that is closed early might still count at a
        // host that limits connections.
        stream.take(MOST).read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200 "))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Asks a server that gives this answer. Returns the request, and whether the answer counted as a yes.
    fn asked(probe: Probe, answer: &'static str) -> (String, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while !lines.next().unwrap().unwrap().is_empty() {}
            stream.write_all(answer.as_bytes()).unwrap();
            first
        });
        let succeeded = probe.succeeds(address);
        (server.join().unwrap(), succeeded)
    }

    #[test]
    fn only_a_200_is_a_yes() {
        let health = "GET /healthz HTTP/1.1".to_owned();
        let readiness = "GET /readyz HTTP/1.1".to_owned();
        let yes = "HTTP/1.1 200 OK\r\n\r\n";
        let no = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
        assert_eq!(asked(Probe::Health, yes), (health.clone(), true));
        assert_eq!(asked(Probe::Readiness, yes), (readiness, true));
        assert_eq!(asked(Probe::Health, no), (health.clone(), false));
        assert_eq!(asked(Probe::Health, ""), (health, false));
    }

    #[test]
    fn nobody_there_is_a_no() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(!Probe::Health.succeeds(address));
    }
}
