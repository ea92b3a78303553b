//! A service for workflows to call: it remembers every request, and answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::patience::{Stopwatch, wait_until};

/// A service on a port of its own. It ends with the test.
#[derive(Debug)]
pub struct Service {
    url: String,
    requests: Arc<Mutex<Vec<Received>>>,
}

/// A request that a service got.
#[derive(Debug, Clone)]
pub struct Received {
    /// Which one it is, from 0.
    pub number: usize,
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub target: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// Since it came.
    pub since: Stopwatch,
}

/// What a service does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// It answers with a status, headers, and a body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// It keeps the connection, and never answers.
    Hang,
    /// It closes the connection without an answer.
    HangUp,
}

impl Reply {
    /// A status, and nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Reply::Answer(status, Vec::new(), Vec::new())
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Reply::Answer(_, headers, _) = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, bytes: impl AsRef<[u8]>) -> Self {
        if let Reply::Answer(_, _, body) = &mut self {
            *body = bytes.as_ref().to_owned();
        }
        self
    }
}

impl Received {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |(header, _): &&(String, String)| header.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(named)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A field of a body of JSON, which is text.
    ///
    /// # Panics
    /// When there is no such field.
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
    /// A service that does with each request what `reply` says. A request counts before it is answered.
    ///
    /// # Panics
    /// When the machine has no port left.
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

    /// A service that answers with these statuses, one after the other, and keeps to the last.
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

    /// Where it is, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it got so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What it got, once that is so many requests.
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
            // Whoever asked may have been killed meanwhile.
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

/// Reads a request whose length is given, which is how hosts send them. None when it breaks off.
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
