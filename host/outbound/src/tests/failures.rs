//! Each failure has a message in a sentence, which contains no secret of the URL.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use dormouse_journal::CallError;

use super::support::{
    Names, Server, attempt, client, get, ok, open, open_client, raw_server, unreachable,
};

/// Returns an address on which nothing listens.
async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

async fn check(address: SocketAddr, expected: &str) {
    let url = format!("http://{address}/path-secret?query=secret");
    let text = unreachable(open_client().send(get(url)).await);
    assert_eq!(text, expected);
}

#[tokio::test]
async fn nothing_listens() {
    let address = closed().await;
    check(
        address,
        &format!("could not connect to {address}: connection refused"),
    )
    .await;
}

#[tokio::test]
async fn the_connection_ends_before_a_response() {
    let address = raw_server(b"", true).await;
    check(
        address,
        &format!("{address} closed the connection before it sent a response"),
    )
    .await;
    let address = raw_server(b"HTTP/1.1 200 OK\r\nx-cut", true).await;
    check(
        address,
        &format!("{address} closed the connection before it sent a response"),
    )
    .await;
}

#[tokio::test]
async fn the_connection_ends_within_a_response() {
    let expected = |address: SocketAddr| {
        format!(
            "the connection to {address} broke in the middle of its response: unexpected end of file"
        )
    };
    let address = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nthe", true).await;
    check(address, &expected(address)).await;
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n";
    let address = raw_server(chunked, true).await;
    check(address, &expected(address)).await;
}

/// If the request were sent again, a call with one attempt could arrive twice.
#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        assert!(stream.read(&mut request).await.unwrap() > 0);
        drop(stream);
        listener.accept().await.unwrap();
    });
    let client = open_client();
    assert_eq!(client.send(get(url.clone())).await.unwrap().status, 200);
    let text = unreachable(client.send(get(url)).await);
    assert!(
        text.ends_with("closed the connection before it sent a response"),
        "{text}"
    );
    assert!(!server.is_finished());
}

#[tokio::test]
async fn something_else_than_http_answers() {
    let address = raw_server(b"SSH-2.0-OpenSSH_9.6\r\n", false).await;
    let expected = format!("{address} answered with something that is not HTTP");
    check_malformed(address, &expected).await;
}

/// The service has done its work, so the call must not be tried again.
#[tokio::test]
async fn a_header_with_a_byte_that_no_header_may_have() {
    for answer in [
        b"HTTP/1.1 200 OK\r\nx-note: a\x01b\r\ncontent-length: 0\r\n\r\n".as_slice(),
        b"HTTP/1.1 200 OK\r\nx note: a\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
    ] {
        let address = raw_server(answer, false).await;
        let expected = format!("{address} answered with something that is not HTTP, or");
        check_malformed(address, &expected).await;
    }
}

async fn check_malformed(address: SocketAddr, expected: &str) {
    let url = format!("http://{address}/path-secret?query=secret");
    match open_client().send(attempt("POST", url, &[], "once")).await {
        Err(error @ CallError::Other(_)) => {
            assert!(error.is_in_doubt());
            let CallError::Other(failure) = error else {
                return;
            };
            assert_eq!(failure.code, "malformed-response");
            assert!(failure.message.starts_with(expected), "{failure:?}");
            let advice = "so it is not sent again";
            assert!(failure.message.ends_with(advice), "{failure:?}");
            assert!(!failure.message.contains("secret"), "{failure:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn more_headers_than_fit() {
    for head in [
        "x: y\r\n".repeat(1000),
        format!("x: {}", "y".repeat(80 << 10)),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n").into_bytes();
        let address = raw_server(answer.leak(), false).await;
        let expected = format!("{address} sent more headers than the host takes");
        check_malformed(address, &expected).await;
    }
}

#[tokio::test]
async fn a_head_that_is_larger_than_a_connection_may_hold() {
    let mut answer = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    answer.resize(200 << 10, b'y');
    answer.extend_from_slice(b"\r\ncontent-length: 0\r\n\r\n");
    let address = raw_server(answer.leak(), false).await;
    let expected = format!("{address} sent more headers than the host takes");
    check_malformed(address, &expected).await;
}

#[tokio::test]
async fn a_name_without_an_address() {
    let names = Names::new(&[("empty.example", &[&[]])]);
    let client = client(open(), names);
    for name in ["unknown.example", "empty.example"] {
        let text = unreachable(
            client
                .send(get(format!("http://{name}/?query=secret")))
                .await,
        );
        assert_eq!(text, format!("could not resolve {name}"));
    }
}

#[tokio::test]
async fn an_address_that_refuses_is_passed_over() {
    let server = Server::start(|_| ok("")).await;
    let names = Names::new(&[("service.example", &[&["127.0.0.2", "127.0.0.1"]])]);
    let url = format!("http://service.example:{}/", server.port());
    assert_eq!(
        client(open(), names).send(get(url)).await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_passed_over() {
    let server = Server::start(|_| ok("")).await;
    let _full = full_listener(SocketAddr::new([127, 0, 0, 3].into(), server.port())).await;
    let names = Names::new(&[("service.example", &[&["127.0.0.3", "127.0.0.1"]])]);
    let url = format!("http://service.example:{}/", server.port());
    assert_eq!(
        client(open(), names).send(get(url)).await.unwrap().status,
        200
    );
}

/// Returns a listener whose queue is full, so that further connections get no answer, and the connections in the queue. The
/// queue stays full until these are dropped.
async fn full_listener(address: SocketAddr) -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(address).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut waiting = Vec::new();
    let patience = Duration::from_millis(200);
    while let Ok(stream) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    (listener, waiting)
}
