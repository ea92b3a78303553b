//! TLS: HTTP/2 is used if the server offers it, and no answer is accepted from a server that cannot prove its name.

use std::sync::Arc;
use std::time::Duration;

use dormouse_journal::CallError;
use dormouse_seams::Attempt;
use http::Version;
use rcgen::CertifiedKey;
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::support::{Names, Server, attempt, get, ok, open, raw_server, status, unreachable};
use crate::Client;
use crate::trust::Trust;

/// A self-signed certificate for some names.
pub(crate) struct Authority(CertifiedKey<rcgen::KeyPair>);

impl Authority {
    pub(crate) fn new(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Authority(rcgen::generate_simple_self_signed(names).unwrap())
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.cert.der().clone()).unwrap();
        roots
    }

    pub(crate) fn pem(&self) -> String {
        self.0.cert.pem()
    }

    /// Returns the TLS acceptor of a server with this certificate and these protocols.
    pub(crate) fn acceptor(&self, protocols: &[&str]) -> TlsAcceptor {
        let key = PrivateKeyDer::Pkcs8(self.0.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.0.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Returns a client that trusts this certificate, and resolves `service.example` and `other.example` to 127.0.0.1.
    pub(crate) fn client(&self) -> Client {
        let names = Names::new(&[
            ("service.example", &[&["127.0.0.1"]]),
            ("other.example", &[&["127.0.0.1"]]),
        ]);
        Client::assemble(open(), names, Trust::in_roots(self.roots()))
    }
}

fn url(name: &str, server: &Server) -> String {
    format!("https://{name}:{}/path?query=secret", server.port())
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_offers_it() {
    let authority = Authority::new(&["service.example"]);
    let server = Server::start_tls(authority.acceptor(&["h2", "http/1.1"]), |_| ok("body")).await;
    let client = authority.client();
    for _ in 0..2 {
        let post = attempt(
            "POST",
            url("service.example", &server),
            &[("x-a", b"1")],
            "request",
        );
        assert_eq!(&client.send(post).await.unwrap().body[..], b"body");
    }
    let [_, seen] = <[_; 2]>::try_from(server.seen()).unwrap();
    assert_eq!(
        (seen.version, &seen.body[..]),
        (Version::HTTP_2, &b"request"[..])
    );
    assert_eq!(
        (seen.path(), seen.header("x-a")),
        ("/path?query=secret", Some("1"))
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn http_1_is_spoken_where_the_server_offers_nothing_else() {
    let authority = Authority::new(&["service.example"]);
    for protocols in [&["http/1.1"][..], &[]] {
        let server = Server::start_tls(authority.acceptor(protocols), |_| ok("body")).await;
        authority
            .client()
            .send(get(url("service.example", &server)))
            .await
            .unwrap();
        assert_eq!(server.seen()[0].version, Version::HTTP_11);
    }
}

#[tokio::test]
async fn over_http_2_a_length_counts_when_there_is_a_body() {
    let authority = Authority::new(&["service.example"]);
    let server = Server::start_tls(authority.acceptor(&["h2"]), |seen| {
        let mut answer = match (seen.method.as_str(), seen.path()) {
            ("GET", "/200") => ok("12345"),
            (_, path) => status(path[1..].parse().unwrap()),
        };
        answer.headers_mut().insert("content-length", 5.into());
        answer
    })
    .await;
    let client = authority.client();
    let send = |method, path| {
        let url = format!("https://service.example:{}{path}", server.port());
        client.send(Attempt {
            max_response: 4,
            ..attempt(method, url, &[], "")
        })
    };
    assert_eq!(send("GET", "/200").await, Err(CallError::TooLarge(4)));
    assert_eq!(send("HEAD", "/200").await.unwrap().status, 200);
    assert_eq!(send("GET", "/304").await.unwrap().status, 304);
}

#[tokio::test]
async fn a_server_without_a_trusted_certificate() {
    let server = Server::start_tls(Authority::new(&["service.example"]).acceptor(&[]), |_| {
        ok("")
    })
    .await;
    let client = Authority::new(&["service.example"]).client();
    let text = unreachable(client.send(get(url("service.example", &server))).await);
    let start = format!("TLS with service.example:{} failed: ", server.port());
    assert!(
        text.starts_with(&start) && text.contains("invalid peer certificate"),
        "{text}"
    );
    assert!(!text.contains("secret"), "{text}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_server_with_the_certificate_of_another() {
    let authority = Authority::new(&["service.example"]);
    let server = Server::start_tls(authority.acceptor(&[]), |_| ok("")).await;
    let text = unreachable(
        authority
            .client()
            .send(get(url("other.example", &server)))
            .await,
    );
    assert!(text.contains("not valid for name"), "{text}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls() {
    let authority = Authority::new(&["service.example"]);
    let address = raw_server(b"HTTP/1.1 400 Bad Request\r\n\r\n", true).await;
    let attempt = get(format!("https://service.example:{}/", address.port()));
    let text = unreachable(authority.client().send(attempt).await);
    assert!(
        text.starts_with(&format!(
            "TLS with service.example:{} failed: ",
            address.port()
        )),
        "{text}"
    );
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on() {
    let authority = Authority::new(&["service.example"]);
    let address = raw_server(b"", false).await;
    let url = format!("https://service.example:{}/", address.port());
    let attempt = Attempt {
        timeout: Duration::from_millis(100),
        ..get(url)
    };
    assert_eq!(
        authority.client().send(attempt).await,
        Err(CallError::TimedOut)
    );
}
