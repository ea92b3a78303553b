//! A blocking client of HTTP/1.1 with one connection, which is kept open. It understands only what the host sends: a
//! status, a `Content-Length` and a body.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long a client waits for an answer before it closes the connection. A host that is stopped or starting may not
/// answer for this long.
const WITHIN: Duration = Duration::from_secs(20);

/// An answer of the host.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Returns the body as JSON, or null if the body is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the beginning of the body as text.
    pub(crate) fn text(&self) -> String {
        let end = self.body.len().min(300);
        String::from_utf8_lossy(&self.body[..end]).into_owned()
    }
}

/// A client of the host.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<Connection>,
}

/// A connection, and the bytes that were read from it after the last answer.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    /// Returns a client that connects when it sends its first request.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Client {
            address,
            connection: None,
        }
    }

    pub(crate) fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, "", b"")
    }

    /// Sends a request with these further header lines, each ended by CR and LF, and reads the answer. After an error,
    /// the host may or may not have accepted the request.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        header_lines: &str,
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut answers = self.send_often(1, method, path, header_lines, body)?;
        answers.pop().ok_or(io::ErrorKind::UnexpectedEof.into())
    }

    /// Sends a request this many times at once, without waiting for the answers in between, and reads the answers.
    /// There are fewer answers if the host ends the connection after one of them.
    pub(crate) fn send_often(
        &mut self,
        count: usize,
        method: &str,
        path: &str,
        header_lines: &str,
        body: &[u8],
    ) -> io::Result<Vec<Answer>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection {
                stream: connect(self.address)?,
                read: Vec::new(),
            },
        };
        let mut request = head(self.address, method, path, header_lines, body.len()).into_bytes();
        request.extend_from_slice(body);
        connection.stream.write_all(&request.repeat(count))?;
        let mut answers = Vec::with_capacity(count);
        let mut is_kept = true;
        while is_kept && answers.len() < count {
            let (answer, kept) = connection.answer()?;
            answers.push(answer);
            is_kept = kept;
        }
        self.connection = is_kept.then_some(connection);
        Ok(answers)
    }
}

/// Connects to the host.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    Ok(stream)
}

/// Returns the head of a request.
pub(crate) fn head(
    address: SocketAddr,
    method: &str,
    path: &str,
    header_lines: &str,
    length: usize,
) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n{header_lines}\r\n"
    )
}

/// Returns the path of a URL on this host.
pub(crate) fn path(url: &str) -> &str {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    &rest[rest.find('/').unwrap_or(rest.len())..]
}

impl Connection {
    /// Reads an answer. The result is true if the connection can be used for another request.
    fn answer(&mut self) -> io::Result<(Answer, bool)> {
        let head = loop {
            if let Some(head) = Head::parse(&self.read)? {
                break head;
            }
            self.more()?;
        };
        let end = head.end.saturating_add(head.length);
        while self.read.len() < end {
            self.more()?;
        }
        let answer = Answer {
            status: head.status,
            body: self.read[head.end..end].to_vec(),
        };
        self.read.drain(..end);
        Ok((answer, head.is_kept))
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.read.extend_from_slice(&buffer[..count]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

struct Head {
    status: u16,
    /// The number of bytes before the body.
    end: usize,
    length: usize,
    is_kept: bool,
}

impl Head {
    /// Returns `None` if the head is not complete yet.
    fn parse(read: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let bad = || io::Error::new(io::ErrorKind::InvalidData, "an answer's head is none");
        let text = str::from_utf8(&read[..end]).map_err(|_| bad())?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.and_then(|status| status.parse().ok());
        let mut head = Head {
            status: status.ok_or_else(bad)?,
            end: end + 4,
            length: 0,
            is_kept: true,
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = value.parse().map_err(|_| bad())?,
                "connection" => head.is_kept = !value.eq_ignore_ascii_case("close"),
                "transfer-encoding" => return Err(bad()),
                _ => {}
            }
        }
        Ok(Some(head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let whole = b"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
        for part in 0..whole.len() - 3 {
            assert!(Head::parse(&whole[..part]).unwrap().is_none(), "{part}");
        }
        let head = Head::parse(whole).unwrap().unwrap();
        assert_eq!((head.status, head.length, head.is_kept), (202, 3, false));
        assert_eq!(&whole[head.end..], b"abc");
    }

    #[test]
    fn a_url_has_a_path() {
        assert_eq!(path("http://127.0.0.1:1/hooks/x"), "/hooks/x");
        assert_eq!(path("/hooks/x"), "/hooks/x");
    }
}
