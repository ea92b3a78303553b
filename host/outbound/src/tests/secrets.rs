//! Headers made from secrets reach the origin that they are meant for, and no part of a secret comes back.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use dormouse_journal::{CallError, Response};
use http::Version;
use http_body_util::Full;

use super::support::{Answer, Server, attempt, denied, get, ok, open_client, raw_server, redirect};
use super::tls::Authority;
use dormouse_seams::{Attempt, SecretHeader};

const SECRET: &str = "hunter2";

/// Returns the attempt with the secret in `authorization`, after `Bearer`, and alone in `x-key`.
fn with_secrets(attempt: Attempt) -> Attempt {
    let header = |name: &str, prefix: &str| SecretHeader {
        name: name.into(),
        value: format!("{prefix}{SECRET}").into_bytes().into(),
        secrets: vec![SECRET.as_bytes().to_vec().into()],
    };
    Attempt {
        secret_headers: vec![header("Authorization", "Bearer "), header("x-key", "")],
        redirects: 5,
        ..attempt
    }
}

async fn send(attempt: Attempt) -> Result<Response, CallError> {
    let outcome = open_client().send(with_secrets(attempt)).await;
    let shown = format!("{outcome:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    outcome
}

fn header<'a>(response: &'a Response, name: &str) -> &'a [u8] {
    let mut headers = response.headers.iter();
    let (_, value) = headers.find(|(own, _)| own == name).unwrap();
    value
}

fn answer(headers: &[(&str, &str)], body: &'static str) -> Answer {
    let response = headers
        .iter()
        .fold(http::Response::builder(), |response, (name, value)| {
            response.header(*name, *value)
        });
    response.body(Full::from(body)).unwrap()
}

#[tokio::test]
async fn secret_headers_arrive_beside_the_requests_own_headers() {
    let server = Server::start(|_| ok("")).await;
    send(attempt("POST", server.url("/"), &[("x-a", b"1")], "body"))
        .await
        .unwrap();
    let seen = server.seen().remove(0);
    assert_eq!(seen.header("authorization"), Some("Bearer hunter2"));
    assert_eq!(seen.header("x-key"), Some("hunter2"));
    assert_eq!(seen.header("x-a"), Some("1"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(&seen.body[..], b"body");
}

#[tokio::test]
async fn they_arrive_over_http_2() {
    let authority = Authority::new(&["service.example"]);
    let server = Server::start_tls(authority.acceptor(&["h2"]), |seen| {
        ok(seen.header("authorization").unwrap().to_owned())
    })
    .await;
    let client = authority.client();
    let url = format!("https://service.example:{}/", server.port());
    // Two requests on one connection, as HTTP/2 could have put the first one's header into a table.
    for _ in 0..2 {
        let response = client.send(with_secrets(get(&url))).await.unwrap();
        assert_eq!(&response.body[..], b"Bearer ***");
        let seen = server.seen().remove(0);
        assert_eq!(
            (seen.version, seen.header("authorization")),
            (Version::HTTP_2, Some("Bearer hunter2"))
        );
    }
}

#[tokio::test]
async fn a_secret_takes_the_place_of_the_hosts_user_agent() {
    let server = Server::start(|_| ok("")).await;
    let mut attempt = with_secrets(get(server.url("/")));
    attempt.secret_headers[0].name = "user-agent".into();
    open_client().send(attempt).await.unwrap();
    let seen = server.seen().remove(0);
    let names = seen.headers.iter().filter(|(name, _)| name == "user-agent");
    assert_eq!(names.count(), 1);
    assert_eq!(seen.header("user-agent"), Some("Bearer hunter2"));
}

/// The redirects lead within the first origin, then to another origin, and then back to the first.
#[tokio::test]
async fn they_stay_with_their_origin_and_do_not_come_back_to_it() {
    let back = Arc::new(OnceLock::new());
    let to: Arc<OnceLock<String>> = back.clone();
    let other = Server::start(move |_| redirect(307, to.get().unwrap())).await;
    let away = other.url("/");
    let server = Server::start(move |seen| match seen.path() {
        "/" => redirect(307, "/here"),
        "/here" => redirect(307, &away),
        _ => ok("end"),
    })
    .await;
    back.set(server.url("/back")).unwrap();
    assert_eq!(&send(get(server.url("/"))).await.unwrap().body[..], b"end");

    let keys = |server: &Server| {
        let seen = server.seen().into_iter();
        let both = seen.map(|seen| {
            (
                seen.header("x-key").is_some(),
                seen.header("authorization").is_some(),
            )
        });
        both.collect::<Vec<_>>()
    };
    assert_eq!(keys(&server), [(true, true), (true, true), (false, false)]);
    assert_eq!(keys(&other), [(false, false)]);
}

#[tokio::test]
async fn a_redirect_to_another_origin_with_the_secret_in_it() {
    let other = Server::start(|_| ok("")).await;
    for place in ["/?key=hunter2", "/%68unter2", "/?key=aHVudGVyMg=="] {
        let to = other.url(place);
        let server = Server::start(move |_| redirect(307, &to)).await;
        let text = denied(send(get(server.url("/"))).await);
        let expected = format!(
            "{} redirects to another origin with the secret of the request's headers in the URL",
            server.address
        );
        assert_eq!(text, expected);
    }
    assert_eq!(other.connections(), 0);

    let same = Server::start(|seen| match seen.path() {
        "/" => redirect(307, "/?key=hunter2"),
        _ => ok("end"),
    })
    .await;
    assert_eq!(&send(get(same.url("/"))).await.unwrap().body[..], b"end");
}

#[tokio::test]
async fn an_error_about_a_redirect_says_no_secret() {
    let server = Server::start(|_| redirect(302, "hunter2://host/")).await;
    let text = denied(send(get(server.url("/"))).await);
    assert!(text.contains("the URL's scheme is ***:"), "{text}");
}

#[tokio::test]
async fn a_secret_that_a_response_repeats_is_masked() {
    let server = Server::start(|_| {
        answer(
            &[
                ("x-repeated", "is hunter2"),
                ("x-hunter2", "68756e74657232"),
                ("location", "/?key=%68unter2"),
                ("x-bytes", "other"),
            ],
            "{\"authorization\":\"Bearer hunter2\",\"basic\":\"aHVudGVyMg==\"}",
        )
    })
    .await;
    let response = send(get(server.url("/"))).await.unwrap();
    let body = "{\"authorization\":\"Bearer ***\",\"basic\":\"***==\"}";
    assert_eq!(response.body, Bytes::from(body));
    assert_eq!(header(&response, "x-repeated"), b"is ***");
    assert_eq!(header(&response, "x-***"), b"***");
    assert_eq!(header(&response, "location"), b"/?key=***");
    assert_eq!(header(&response, "x-bytes"), b"other");
    let length = body.len().to_string();
    assert_eq!(header(&response, "content-length"), length.as_bytes());
}

#[tokio::test]
async fn a_response_that_repeats_nothing_stays_as_it_is() {
    let server = Server::start(|_| answer(&[("x-a", "b")], "\u{0}100% &amp; \\\\ hunter")).await;
    let response = send(get(server.url("/"))).await.unwrap();
    assert_eq!(&response.body[..], b"\x00100% &amp; \\\\ hunter");
    assert_eq!(header(&response, "content-length"), b"21");
    assert_eq!(header(&response, "x-a"), b"b");
}

#[tokio::test]
async fn without_a_body_the_length_is_the_one_that_the_server_sent() {
    let server = Server::start(|_| answer(&[("content-length", "7")], "hunter2")).await;
    let head = attempt("HEAD", server.url("/"), &[], "");
    let response = send(head).await.unwrap();
    assert_eq!(header(&response, "content-length"), b"7");
}

#[tokio::test]
async fn a_secret_that_comes_in_pieces() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
        4\r\nis h\r\n1\r\nu\r\n6\r\nnter2,\r\n1\r\n%\r\n8\r\n68unter2\r\n0\r\n\r\n";
    let address = raw_server(chunked, true).await;
    let response = send(get(format!("http://{address}/"))).await.unwrap();
    assert_eq!(&response.body[..], b"is ***,***");
}

#[tokio::test]
async fn another_origin_may_not_repeat_it_either() {
    let other = Server::start(|_| ok("it was hunter2")).await;
    let to = other.url("/");
    let server = Server::start(move |_| redirect(307, &to)).await;
    let response = send(get(server.url("/"))).await.unwrap();
    assert_eq!(&response.body[..], b"it was ***");
}

#[tokio::test]
async fn a_body_that_cannot_be_searched_is_refused() {
    for headers in [
        &[("content-encoding", "gzip")][..],
        &[("content-encoding", "identity, br")],
        &[("content-encoding", "identity"), ("content-encoding", "x")],
    ] {
        let headers: Vec<_> = headers.to_vec();
        let server = Server::start(move |_| answer(&headers, "body")).await;
        let text = denied(send(get(server.url("/"))).await);
        let start = format!(
            "{} encoded its response (content-encoding), though it was asked not to",
            server.address
        );
        assert!(text.starts_with(&start), "{text}");
    }
    let gzip = b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    let address = raw_server(gzip, true).await;
    let text = denied(send(get(format!("http://{address}/"))).await);
    assert!(text.contains("(transfer-encoding)"), "{text}");
}

#[tokio::test]
async fn an_identity_encoding_or_an_encoding_of_an_empty_body_is_ignored() {
    let server = Server::start(|_| answer(&[("content-encoding", "Identity")], "hunter2")).await;
    let response = send(get(server.url("/"))).await.unwrap();
    assert_eq!(&response.body[..], b"***");

    let server = Server::start(|_| answer(&[("content-encoding", "gzip")], "body")).await;
    let head = attempt("HEAD", server.url("/"), &[], "");
    assert_eq!(send(head).await.unwrap().status, 200);
    let server = Server::start(|_| answer(&[("content-encoding", "gzip")], "")).await;
    assert_eq!(send(get(server.url("/"))).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_part_of_a_body_cannot_be_asked_for() {
    let server = Server::start(|_| ok("")).await;
    let range: [(&str, &[u8]); 1] = [("Range", b"bytes=1-")];
    let outcome = send(attempt("GET", server.url("/"), &range, "")).await;
    let Err(CallError::Invalid(text)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(text.starts_with("the header range cannot be set"), "{text}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_masked_body_keeps_to_the_limit() {
    let server = Server::start(|_| ok("a-a-")).await;
    let mut attempt = with_secrets(get(server.url("/")));
    attempt.secret_headers[0].value = b"a".to_vec().into();
    attempt.secret_headers[0].secrets = vec![b"a".to_vec().into()];
    let at_most = |bytes| Attempt {
        max_response: bytes,
        ..attempt.clone()
    };
    let client = open_client();
    let response = client.send(at_most(8)).await.unwrap();
    assert_eq!(&response.body[..], b"***-***-");
    assert_eq!(client.send(at_most(7)).await, Err(CallError::TooLarge(7)));
}

#[tokio::test]
async fn debug_of_an_attempt_shows_no_secret() {
    let shown = format!("{:?}", with_secrets(get("http://service.example/")));
    assert!(shown.contains("SecretValue(..)"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
}
