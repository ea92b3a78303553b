//! A large body is read when there is a connection to send it on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dormouse_journal::CallError;
use dormouse_seams::{Attempt, BodyMissing, BodySource, LargeBody, Task};
use tokio::net::TcpListener;

use super::support::{
    Names, Server, attempt, ok, open, open_client, raw_server, redirect, unreachable,
};
use crate::Client;
use crate::trust::Trust;

const LENGTH: usize = 100_000;

/// A body of `length` bytes, which counts how often it is read.
struct Source {
    length: usize,
    reads: AtomicUsize,
}

impl BodySource for Source {
    fn read(&self) -> Task<Result<Bytes, BodyMissing>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let body = Bytes::from(vec![b'x'; self.length]);
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(body)
        })
    }
}

struct Never;

impl BodySource for Never {
    fn read(&self) -> Task<Result<Bytes, BodyMissing>> {
        Box::pin(std::future::pending())
    }
}

struct Nothing;

impl BodySource for Nothing {
    fn read(&self) -> Task<Result<Bytes, BodyMissing>> {
        Box::pin(async { Err(BodyMissing) })
    }
}

fn source(length: usize) -> Arc<Source> {
    Arc::new(Source {
        length,
        reads: AtomicUsize::new(0),
    })
}

/// Returns a POST with this body and an announced length of `LENGTH` bytes.
fn post(url: impl Into<String>, source: Arc<dyn BodySource>) -> Attempt {
    Attempt {
        large_body: Some(LargeBody::new(LENGTH as u64, source)),
        timeout: Duration::from_millis(500),
        ..attempt("POST", url, &[], "")
    }
}

async fn server() -> Server {
    Server::start(|_| ok("taken")).await
}

#[tokio::test]
async fn it_is_read_once_for_each_sending_and_arrives_with_its_length() {
    let (server, client, source) = (server().await, open_client(), source(LENGTH));
    for sent in 1..=2 {
        let response = client.send(post(server.url("/"), source.clone())).await;
        assert_eq!(response.unwrap().status, 200);
        assert_eq!(source.reads.load(Ordering::SeqCst), sent);
    }
    assert_eq!(server.connections(), 1);
    for seen in server.seen() {
        assert_eq!(seen.header("content-length"), Some("100000"));
        assert_eq!(seen.body, vec![b'x'; LENGTH]);
    }
}

#[tokio::test]
async fn a_refused_connection_costs_no_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let source = source(LENGTH);
    let url = format!("http://{address}/");
    let text = unreachable(open_client().send(post(url, source.clone())).await);
    assert!(text.starts_with("could not connect"), "{text}");
    assert_eq!(source.reads.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn nor_does_a_connection_that_is_not_made_yet() {
    let address = raw_server(b"", false).await;
    let trust = Trust {
        any: true,
        ..Trust::in_roots(rustls::RootCertStore::empty())
    };
    let client = Client::assemble(open(), Arc::<Names>::default(), trust);
    let source = source(LENGTH);
    let url = format!("https://{address}/");
    let outcome = client.send(post(url, source.clone())).await;
    assert_eq!(outcome, Err(CallError::TimedOut));
    assert_eq!(source.reads.load(Ordering::SeqCst), 0);
}

/// Sends the body to a place that redirects with this status. Returns the server, and the number of reads.
async fn redirected(status: u16) -> (Server, usize) {
    let server = Server::start(move |seen| match seen.path() {
        "/first" => redirect(status, "/second"),
        _ => ok("taken"),
    })
    .await;
    let source = source(LENGTH);
    let attempt = Attempt {
        redirects: 1,
        ..post(server.url("/first"), source.clone())
    };
    open_client().send(attempt).await.unwrap();
    (server, source.reads.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_redirect_that_keeps_the_body_reads_it_again() {
    let (server, reads) = redirected(307).await;
    assert_eq!(reads, 2);
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.body.len() == LENGTH));
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn a_redirect_to_get_does_not() {
    let (server, reads) = redirected(303).await;
    assert_eq!(reads, 1);
    assert_eq!(server.seen()[1].header("content-length"), None);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_or_has_another_length_arrives_nowhere() {
    let server = server().await;
    let sources: [Arc<dyn BodySource>; 3] =
        [Arc::new(Nothing), source(LENGTH - 1), source(LENGTH + 1)];
    for source in sources {
        let text = unreachable(open_client().send(post(server.url("/"), source)).await);
        assert_eq!(text, "the host could not read the body of the request");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn the_timeout_is_for_reading_it_too() {
    let server = server().await;
    let outcome = open_client()
        .send(post(server.url("/"), Arc::new(Never)))
        .await;
    assert_eq!(outcome, Err(CallError::TimedOut));
}
