//! A service for workflows to call. It records every request, and answers as the test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::waiting::{Stopwatch, wait_until};

/// A service on a port of its own. It ends with the test.
#[derive(Debug)]
pub struct Service {
    url: String,
    requests: Arc<Mutex<Vec<Received>>>,
}

/// A request that a service received.
#[derive(Debug, Clone)]
pub struct Received {
    /// The number of the request. The first request is 0.
    pub number: usize,
    /// The method.
    pub method: String,
    /// The path and query.
    pub target: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// A stopwatch that was started when the request came.
    pub since: Stopwatch,
}

/// The reply of a service to a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The service answers with a status, headers, and a body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// The service keeps the connection open, and never answers.
    Hang,
    /// The service closes the connection without an answer.
    HangUp,
}

impl Reply {
    /// Returns a reply with this status, without headers and body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Reply::Answer(status, Vec::new(), Vec::new())
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Reply::Answer(_, headers, _) = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, bytes: impl AsRef<[u8]>) -> Self {
        if let Reply::Answer(_, _, body) = &mut self {
            *body = bytes.as_ref().to_owned();
        }
        self
    }
}

impl Received {
    /// Returns a header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |(header, _): &&(String, String)| header.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(named)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    /// If the body is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Returns a text field of a JSON body.
    ///
    /// # Panics
    /// If there is no such field.
    #[must_use]
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        self.json()[name]
            .as_str()
            .unwrap_or_else(|| panic!("no `{name}`"))
            .to_owned()
    }
}

impl Service {
    /// Starts a service whose replies `reply` returns. A request is recorded before it is answered.
    ///
    /// # Panics
    /// If the machine has no free port.
    pub fn start(reply: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<Received>>>::default();
        let (kept, reply) = (requests.clone(), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, reply) = (kept.clone(), reply.clone());
                std::thread::spawn(move || serve(stream, &kept, &*reply));
            }
        });
        Service { url, requests }
    }

    /// Starts a service that answers with these statuses, one after the other, and then always with the
    /// last.
    pub fn answering(statuses: &'static [u16]) -> Self {
        Service::start(|request| {
            Reply::status(
                *statuses
                    .get(request.number)
                    .or(statuses.last())
                    .unwrap_or(&200),
            )
        })
    }

    /// Returns the service's URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns the requests, once there are this many.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        wait_until(&format!("{count} requests to a service"), || {
            Some(self.requests()).filter(|requests| requests.len() >= count)
        })
    }
}

fn serve(
    mut stream: TcpStream,
    kept: &Mutex<Vec<Received>>,
    reply: &(dyn Fn(&Received) -> Reply + Send + Sync),
) {
    let Some(mut request) = read(&stream) else {
        return;
    };
    {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        request.number = kept.len();
        kept.push(request.clone());
    }
    match reply(&request) {
        Reply::Answer(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} -\r\nConnection: close\r\n");
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            head += &format!("Content-Length: {}\r\n\r\n", body.len());
            // The host that sent the request may have been killed.
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(&body));
        }
        Reply::Hang => loop {
            std::thread::park();
        },
        Reply::HangUp => {}
    }
}

/// Reads a request with a `Content-Length`, which hosts always send. Returns `None` if the request is
/// incomplete.
fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let first = line(&mut reader)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    while let Some((name, value)) = line(&mut reader)?.split_once(':') {
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let since = Stopwatch::start();
    let mut request = Received {
        number: 0,
        method,
        target,
        headers,
        body: Vec::new(),
        since,
    };
    let length = request
        .header("content-length")
        .unwrap_or("0")
        .parse()
        .ok()?;
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(1..) => Some(line.trim_end().to_owned()),
        _ => None,
    }
}
