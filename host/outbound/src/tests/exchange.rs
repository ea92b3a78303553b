//! A request and its response arrive whole, and nothing is added except for the headers that HTTP needs.

use bytes::Bytes;
use http_body_util::Full;

use super::support::{Server, attempt, get, ok, open_client, status};

/// Returns the names of headers, in order of the alphabet.
fn names(headers: &[(String, Bytes)]) -> Vec<&str> {
    let mut names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn the_request_arrives_as_it_was_made() {
    let server = Server::start(|_| ok("")).await;
    let headers: [(&str, &[u8]); 4] = [
        ("X-Two", b"one"),
        ("x-bytes", b"\xe9\t\xff"),
        ("X-TWO", b"two"),
        ("x-empty", b""),
    ];
    let body = Bytes::from_static(b"\x00\xff\r\n\x80");
    let url = server.url("/a%20b/c?q=1&r=%C3%A9#fragment");
    open_client()
        .send(attempt("PROPFIND", url, &headers, body.clone()))
        .await
        .unwrap();

    let seen = server.seen().remove(0);
    assert_eq!(
        (seen.method.as_str(), seen.path()),
        ("PROPFIND", "/a%20b/c?q=1&r=%C3%A9")
    );
    assert_eq!(seen.body, body);
    let values = |name: &str| -> Vec<&[u8]> {
        seen.headers
            .iter()
            .filter(|(own, _)| own == name)
            .map(|(_, value)| &value[..])
            .collect()
    };
    assert_eq!(values("x-two"), [b"one", b"two"]);
    assert_eq!(values("x-bytes"), [b"\xe9\t\xff"]);
    assert_eq!(values("x-empty"), [b""]);
}

#[tokio::test]
async fn the_response_arrives_as_it_was_made() {
    let body = Bytes::from_static(b"\x00\xff\r\n\x80");
    let server = Server::start({
        let body = body.clone();
        move |_| {
            let response = http::Response::builder()
                .status(418)
                .header("x-one", "1")
                .header("set-cookie", "a=1")
                .header("set-cookie", "b=2")
                .header("x-bytes", &b"\xe9\xff"[..]);
            response.body(Full::new(body.clone())).unwrap()
        }
    })
    .await;
    let response = open_client().send(get(server.url("/"))).await.unwrap();
    assert_eq!((response.status, response.body), (418, body));
    let ours: Vec<_> = response
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-") || name == "set-cookie")
        .map(|(name, value)| (name.as_str(), &value[..]))
        .collect();
    let expected: [(&str, &[u8]); 4] = [
        ("x-one", b"1"),
        ("set-cookie", b"a=1"),
        ("set-cookie", b"b=2"),
        ("x-bytes", b"\xe9\xff"),
    ];
    assert_eq!(ours, expected);
}

#[tokio::test]
async fn only_what_http_needs_is_added() {
    let server = Server::start(|_| ok("")).await;
    let client = open_client();
    client.send(get(server.url("/"))).await.unwrap();
    client
        .send(attempt("POST", server.url("/"), &[], ""))
        .await
        .unwrap();
    client
        .send(attempt("POST", server.url("/"), &[], "four"))
        .await
        .unwrap();

    let [get, empty, full] = <[_; 3]>::try_from(server.seen()).unwrap();
    assert_eq!(names(&get.headers), ["host", "user-agent"]);
    assert_eq!(
        get.header("host"),
        Some(server.address.to_string().as_str())
    );
    assert_eq!(
        get.header("user-agent"),
        Some(concat!("dormouse/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(
        names(&empty.headers),
        ["content-length", "host", "user-agent"]
    );
    assert_eq!(empty.header("content-length"), Some("0"));
    assert_eq!(
        names(&full.headers),
        ["content-length", "host", "user-agent"]
    );
    assert_eq!(full.header("content-length"), Some("4"));
}

#[tokio::test]
async fn a_compressed_body_stays_compressed() {
    let server = Server::start(|_| {
        let response = http::Response::builder().header("content-encoding", "gzip");
        response.body(Full::from("\x1f not really")).unwrap()
    })
    .await;
    let response = open_client().send(get(server.url("/"))).await.unwrap();
    assert_eq!(&response.body[..], b"\x1f not really");
    assert!(
        response
            .headers
            .contains(&("content-encoding".into(), Bytes::from("gzip")))
    );
}

#[tokio::test]
async fn any_status_is_a_response() {
    let server = Server::start(|seen| status(seen.path()[1..].parse().unwrap())).await;
    let client = open_client();
    for status in [200, 204, 302, 304, 400, 404, 429, 500, 503, 599] {
        let response = client
            .send(get(server.url(&format!("/{status}"))))
            .await
            .unwrap();
        assert_eq!(response.status, status);
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::start(|_| ok("body")).await;
    let client = open_client();
    for _ in 0..3 {
        client.send(get(server.url("/"))).await.unwrap();
    }
    assert_eq!((server.seen().len(), server.connections()), (3, 1));
}
