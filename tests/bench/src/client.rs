//! A client of HTTP/1.1 that takes as little processor time as possible, since the host shares the processors with it.
//!
//! A client has one connection, which is kept open, and sends one request at a time. It understands only what the host
//! sends: a status, a `Content-Length` and a body.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection to the host.
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    request: Vec<u8>,
    response: Vec<u8>,
    requests: u64,
}

/// An answer of the host.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            address,
            request: Vec::with_capacity(1024),
            response: Vec::with_capacity(4096),
            requests: 0,
        })
    }

    /// Returns the number of requests that were sent over this connection.
    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<Answer<'_>> {
        self.exchange("GET", path, "", b"").await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.exchange("POST", path, "", body).await
    }

    /// Sends a request with these further header lines, each ended by CR and LF, and reads the answer.
    pub(crate) async fn exchange(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> anyhow::Result<Answer<'_>> {
        self.requests += 1;
        self.write(method, path, headers, body);
        self.stream
            .write_all(&self.request)
            .await
            .with_context(|| format!("cannot send {method} {path}"))?;
        self.response.clear();
        let head = loop {
            self.read(method, path).await?;
            if let Some(head) = Head::parse(&self.response)? {
                break head;
            }
        };
        while self.response.len() < head.end + head.length {
            self.read(method, path).await?;
        }
        Ok(Answer {
            status: head.status,
            body: &self.response[head.end..head.end + head.length],
        })
    }

    fn write(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) {
        use std::io::Write as _;
        self.request.clear();
        // Writing to a vector cannot fail.
        let _ = write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        self.request.extend_from_slice(body);
    }

    async fn read(&mut self, method: &str, path: &str) -> anyhow::Result<()> {
        let read = self
            .stream
            .read_buf(&mut self.response)
            .await
            .with_context(|| format!("no answer to {method} {path}"))?;
        if read == 0 {
            bail!("the host closed the connection before it answered {method} {path}");
        }
        Ok(())
    }
}

impl<'a> Answer<'a> {
    /// Returns the answer unchanged if it has this status, and an error otherwise.
    pub(crate) fn expect(self, status: u16) -> anyhow::Result<Self> {
        if self.status != status {
            bail!(
                "the host answered {} and not {status}: {}",
                self.status,
                String::from_utf8_lossy(self.body)
            );
        }
        Ok(self)
    }

    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(self.body).context("the host's answer is not JSON")
    }

    pub(crate) fn text(&self) -> &'a str {
        str::from_utf8(self.body).unwrap_or_default()
    }

    /// Returns the first text field of this name without parsing the rest, for paths on which each microsecond counts.
    pub(crate) fn field(&self, name: &str) -> Option<&'a str> {
        let name = format!("\"{name}\":\"");
        let (_, value) = self.text().split_once(&name)?;
        Some(value.split_once('"')?.0)
    }
}

struct Head {
    status: u16,
    /// The number of bytes before the body.
    end: usize,
    length: usize,
}

impl Head {
    /// Parses the head of a response. Returns `None` if the head is not complete yet.
    fn parse(response: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = response.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = str::from_utf8(&response[..end]).context("the answer's head is not text")?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.context("the answer has no status")?.parse()?;
        let mut length = 0;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("the host answers in chunks, which this client does not read");
            }
        }
        Ok(Some(Head {
            status,
            end: end + 4,
            length,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let whole = b"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nabc";
        for part in 0..whole.len() - 3 {
            assert!(Head::parse(&whole[..part]).unwrap().is_none(), "{part}");
        }
        let head = Head::parse(whole).unwrap().unwrap();
        assert_eq!((head.status, head.length), (202, 3));
        assert_eq!(&whole[head.end..], b"abc");
    }

    #[test]
    fn a_body_in_chunks_is_refused() {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(Head::parse(head).is_err());
    }

    #[test]
    fn a_field_is_found() {
        let body = br#"{"webhooks":[{"webhook":0,"url":"http://a/b","waits":1}]}"#;
        let answer = Answer { status: 200, body };
        assert_eq!(answer.field("url"), Some("http://a/b"));
        assert_eq!(answer.field("id"), None);
    }
}
