//! Servers on loopback, a resolver with given answers, and attempts to send.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dormouse_journal::{CallError, Request, Response};
use dormouse_limits::Budget;
use dormouse_seams::Attempt;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::resolve::{Resolve, Resolving};
use crate::trust::Trust;
use crate::{Client, Policy, Settings};

/// The answer of a server.
pub(crate) type Answer = http::Response<Full<Bytes>>;

/// A request as it arrived at a server.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) version: http::Version,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Bytes)>,
    pub(crate) body: Bytes,
}

impl Seen {
    /// Returns the path of the request, without the origin that HTTP/2 sends with it.
    pub(crate) fn path(&self) -> &str {
        let rest = self
            .target
            .split_once("://")
            .map_or(self.target.as_str(), |(_, rest)| rest);
        &rest[rest.find('/').unwrap()..]
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(own, _)| own == name)?;
        Some(std::str::from_utf8(value).unwrap())
    }
}

/// An HTTP server that keeps the requests that arrived. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1.
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", answer).await
    }

    pub(crate) async fn start_at(
        address: &str,
        answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::run(address, None, Arc::new(answer)).await
    }

    /// Starts a server with TLS on a free port of 127.0.0.1.
    pub(crate) async fn start_tls(
        tls: TlsAcceptor,
        answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::run("127.0.0.1:0", Some(tls), Arc::new(answer)).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns how many connections were made to the server.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Returns the requests that arrived since the last call of this method.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    async fn run(
        address: &str,
        tls: Option<TlsAcceptor>,
        answer: Arc<dyn Fn(&Seen) -> Answer + Send + Sync>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let shared = server.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(shared.clone().take(stream, tls.clone(), answer.clone()));
            }
        });
        server
    }

    async fn take(
        self,
        stream: TcpStream,
        tls: Option<TlsAcceptor>,
        answer: Arc<dyn Fn(&Seen) -> Answer + Send + Sync>,
    ) {
        match tls {
            None => self.serve(TokioIo::new(stream), answer).await,
            Some(tls) => {
                // A client that does not trust the server ends the handshake, as some tests expect.
                if let Ok(stream) = tls.accept(stream).await {
                    self.serve(TokioIo::new(stream), answer).await;
                }
            }
        }
    }

    async fn serve(
        self,
        io: impl Read + Write + Unpin + 'static,
        answer: Arc<dyn Fn(&Seen) -> Answer + Send + Sync>,
    ) {
        let seen = self.seen;
        let service = service_fn(move |request| {
            let (seen, answer) = (seen.clone(), answer.clone());
            async move {
                let request = see(request).await;
                let answer = answer(&request);
                seen.lock().unwrap().push(request);
                Ok::<_, Infallible>(answer)
            }
        });
        // The error is that of a client that closed the connection, which is not a failure of the test.
        let _ = auto::Builder::new(TokioExecutor::new())
            .serve_connection(io, service)
            .await;
    }
}

async fn see(request: http::Request<Incoming>) -> Seen {
    let (head, body) = request.into_parts();
    Seen {
        version: head.version,
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), Bytes::copy_from_slice(value.as_bytes())))
            .collect(),
        body: body.collect().await.unwrap().to_bytes(),
    }
}

/// Starts a server that answers the first bytes of each connection with `answer`. Then it closes the connection if `close`
/// is true, and otherwise keeps it open.
pub(crate) async fn raw_server(answer: &'static [u8], close: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut first = [0; 4096];
            let _ = stream.read(&mut first).await.unwrap();
            stream.write_all(answer).await.unwrap();
            if !close {
                kept.push(stream);
            }
        }
    });
    address
}

/// Returns an answer with this status, and without headers and body.
pub(crate) fn status(status: u16) -> Answer {
    http::Response::builder()
        .status(status)
        .body(Full::default())
        .unwrap()
}

/// Returns an answer with the status 200 and this body.
pub(crate) fn ok(body: impl Into<Bytes>) -> Answer {
    http::Response::new(Full::new(body.into()))
}

/// Returns a redirect to `location`.
pub(crate) fn redirect(status: u16, location: &str) -> Answer {
    http::Response::builder()
        .status(status)
        .header("location", location)
        .body(Full::default())
        .unwrap()
}

/// A resolver with a list of answers for each name. It returns one answer after the other, and repeats the last one.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Names {
    pub(crate) fn new(names: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let names = names.iter().map(|(name, answers)| {
            let answers = answers.iter().map(|answer| parse(answer)).collect();
            ((*name).to_owned(), answers)
        });
        Arc::new(Names {
            answers: Mutex::new(names.collect()),
            asked: AtomicUsize::new(0),
        })
    }

    /// Returns how often the resolver was asked for a name.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn parse(addresses: &[&str]) -> Vec<IpAddr> {
    addresses
        .iter()
        .map(|address| address.parse().unwrap())
        .collect()
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str, port: u16) -> Resolving<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.get_mut(name) {
            Some(list) if list.len() > 1 => list.pop_front(),
            Some(list) => list.front().cloned(),
            None => None,
        };
        Box::pin(async move {
            let answer = answer.ok_or_else(|| io::Error::other("no such name"))?;
            Ok(answer
                .into_iter()
                .map(|ip| SocketAddr::new(ip, port))
                .collect())
        })
    }
}

/// Returns settings whose policy allows public addresses and these places.
pub(crate) fn allowing(allow: &[String]) -> Settings {
    let allow = allow.iter().map(|place| place.parse().unwrap()).collect();
    Settings {
        policy: Policy {
            allow_private: false,
            allow,
        },
        ..Settings::default()
    }
}

/// Returns settings whose policy allows every address.
pub(crate) fn open() -> Settings {
    Settings {
        policy: Policy {
            allow_private: true,
            allow: Vec::new(),
        },
        ..Settings::default()
    }
}

/// Returns a client that trusts no certificate authority, with these settings and names.
pub(crate) fn client(settings: Settings, names: Arc<Names>) -> Client {
    Client::assemble(settings, names, Trust::in_roots(RootCertStore::empty()))
}

/// Returns a client that may call every address, and knows no names.
pub(crate) fn open_client() -> Client {
    client(open(), Arc::default())
}

pub(crate) fn get(url: impl Into<String>) -> Attempt {
    attempt("GET", url, &[], "")
}

pub(crate) fn attempt(
    method: &str,
    url: impl Into<String>,
    headers: &[(&str, &[u8])],
    body: impl Into<Bytes>,
) -> Attempt {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Bytes::copy_from_slice(value)))
        .collect();
    let request = Request {
        method: method.into(),
        url: url.into(),
        headers,
        body: body.into(),
    };
    Attempt {
        large_body: None,
        on_behalf_of: "test".into(),
        request,
        secret_headers: Vec::new(),
        timeout: Duration::from_secs(10),
        redirects: 0,
        max_response: 16 << 20,
        memory: Budget::default(),
    }
}

/// Returns the text of a refused call.
pub(crate) fn denied(outcome: Result<Response, CallError>) -> String {
    match outcome {
        Err(CallError::Denied(text)) => text,
        other => panic!("not denied: {other:?}"),
    }
}

/// Returns the text of a call that reached no service.
pub(crate) fn unreachable(outcome: Result<Response, CallError>) -> String {
    match outcome {
        Err(CallError::Unreachable(text)) => text,
        other => panic!("not unreachable: {other:?}"),
    }
}
