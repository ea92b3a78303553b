//! The time and the size of an attempt have limits, and the error says which limit was exceeded.

use std::time::Duration;

use dormouse_journal::CallError;
use dormouse_seams::Attempt;

use super::support::{
    Server, attempt, get, ok, open, open_client, raw_server, redirect, unreachable,
};
use crate::resolve::{Resolve, Resolving};
use crate::trust::Trust;
use crate::{Client, Settings};

fn within(millis: u64, attempt: Attempt) -> Attempt {
    Attempt {
        timeout: Duration::from_millis(millis),
        ..attempt
    }
}

fn at_most(bytes: u64, attempt: Attempt) -> Attempt {
    Attempt {
        max_response: bytes,
        ..attempt
    }
}

#[tokio::test]
async fn a_server_that_says_nothing() {
    let address = raw_server(b"", false).await;
    let outcome = open_client()
        .send(within(100, get(format!("http://{address}/"))))
        .await;
    assert_eq!(outcome, Err(CallError::TimedOut));
}

#[tokio::test]
async fn a_body_that_does_not_go_on() {
    let address = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nthe", false).await;
    let outcome = open_client()
        .send(within(100, get(format!("http://{address}/"))))
        .await;
    assert_eq!(outcome, Err(CallError::TimedOut));
}

#[tokio::test]
async fn the_timeout_is_for_all_redirects_together() {
    let server = Server::start(|_| redirect(302, "/again")).await;
    let attempt = Attempt {
        redirects: u32::MAX,
        ..get(server.url("/"))
    };
    let outcome = open_client().send(within(200, attempt)).await;
    assert_eq!(outcome, Err(CallError::TimedOut));
}

#[tokio::test]
async fn a_name_server_that_says_nothing() {
    struct Silent;
    impl Resolve for Silent {
        fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Resolving<'a> {
            Box::pin(std::future::pending())
        }
    }
    let settings = Settings {
        connect_timeout: Duration::from_millis(50),
        ..open()
    };
    let trust = Trust::in_roots(rustls::RootCertStore::empty());
    let client = Client::assemble(settings, std::sync::Arc::new(Silent), trust);
    let text = unreachable(client.send(get("http://service.example/")).await);
    assert_eq!(text, "could not connect to service.example:80 within 50ms");
}

#[tokio::test]
async fn a_body_as_large_as_the_limit_is_taken() {
    let server = Server::start(|_| ok("12345")).await;
    let client = open_client();
    let response = client.send(at_most(5, get(server.url("/")))).await.unwrap();
    assert_eq!(&response.body[..], b"12345");
    let outcome = client.send(at_most(4, get(server.url("/")))).await;
    assert_eq!(outcome, Err(CallError::TooLarge(4)));
}

#[tokio::test]
async fn an_announced_length_over_the_limit_is_not_waited_for() {
    let address = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n", false).await;
    let outcome = open_client()
        .send(at_most(998, get(format!("http://{address}/"))))
        .await;
    assert_eq!(outcome, Err(CallError::TooLarge(998)));
}

#[tokio::test]
async fn a_body_without_length_is_cut_off_at_the_limit() {
    // The chunk that would end the body never comes.
    let answer =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n5\r\n67890\r\n";
    let address = raw_server(answer, false).await;
    let outcome = open_client()
        .send(at_most(7, get(format!("http://{address}/"))))
        .await;
    assert_eq!(outcome, Err(CallError::TooLarge(7)));
}

#[tokio::test]
async fn an_announced_length_without_a_body_is_ignored() {
    let client = open_client();
    let address = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n", false).await;
    let head = attempt("HEAD", format!("http://{address}/"), &[], "");
    assert_eq!(client.send(at_most(1, head)).await.unwrap().status, 200);

    let answer = b"HTTP/1.1 304 Not Modified\r\ncontent-length: 999\r\n\r\n";
    let address = raw_server(answer, false).await;
    let response = client
        .send(at_most(1, get(format!("http://{address}/"))))
        .await
        .unwrap();
    assert_eq!((response.status, response.body.len()), (304, 0));
}
