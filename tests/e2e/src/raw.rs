//! HTTP by hand, for requests that a good client would not send.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::Answer;
use crate::waiting::TIMEOUT;

/// A connection to a host.
#[derive(Debug)]
pub struct Connection(TcpStream);

impl Clone for Connection {
    /// Returns the same connection, for another thread to read from.
    fn clone(&self) -> Self {
        Connection(self.0.try_clone().unwrap())
    }
}

impl Connection {
    /// Connects to the authority of this URL.
    ///
    /// # Panics
    /// If no program listens there.
    #[must_use]
    pub fn to(url: &str) -> Self {
        let stream = TcpStream::connect(split(url).0).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        Connection(stream)
    }

    /// Sends bytes. Bytes that the host does not read any more are lost, as on a network.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref());
    }

    /// Waits until the host ends the connection, and returns the bytes that it sent before.
    ///
    /// # Panics
    /// If the host does not end the connection.
    #[track_caller]
    pub fn ended(&mut self) -> Vec<u8> {
        let mut read = Vec::new();
        match self.0.read_to_end(&mut read) {
            Ok(_) => {}
            // A host that ends a connection without reading all of it resets the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&read)),
        }
        read
    }

    /// Reads the first bytes of an answer, and returns its status.
    ///
    /// # Panics
    /// If no answer comes.
    #[track_caller]
    pub fn status(&mut self) -> u16 {
        let mut line = [0; "HTTP/1.1 200".len()];
        self.0.read_exact(&mut line).unwrap();
        String::from_utf8_lossy(&line[9..]).parse().unwrap()
    }

    /// Reads one answer.
    ///
    /// # Panics
    /// If no answer comes.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        let mut read = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if let Some(answer) = parse(&read) {
                return answer;
            }
            match self.0.read(&mut buffer) {
                Ok(0) => panic!(
                    "the connection ended after {:?}",
                    String::from_utf8_lossy(&read)
                ),
                Ok(count) => read.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&read)),
            }
        }
    }
}

/// Sends one request: its method, the target of the URL byte for byte, these header lines and `Host`, and the body.
///
/// # Panics
/// If no answer comes.
#[track_caller]
pub fn exchange(method: &str, url: &str, header_lines: &[&[u8]], body: &[u8]) -> Answer {
    let (authority, target) = split(url);
    let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    for line in header_lines {
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
    bytes.extend_from_slice(body);
    let mut connection = Connection::to(url);
    connection.send(bytes);
    connection.answer()
}

/// Returns the authority and the target of a URL.
#[must_use]
pub fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

/// Parses an answer. Returns `None` if it is not complete.
fn parse(read: &[u8]) -> Option<Answer> {
    let end = read.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, Vec<u8>)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().as_bytes().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: read[end + 4..].to_owned(),
    };
    let length = answer
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    (answer.body.len() >= length).then(|| {
        answer.body.truncate(length);
        answer
    })
}
