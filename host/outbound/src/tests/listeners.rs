//! Calls cannot reach the host's own listeners, whatever the policy allows, except for URLs of webhooks.

use std::net::SocketAddr;

use dormouse_journal::CallError;
use dormouse_seams::Attempt;

use super::support::{
    Names, Server, allowing, client, denied, get, ok, open, open_client, redirect,
};
use crate::{Client, Settings};

fn client_of(server: &Server) -> Client {
    let client = open_client();
    client.set_listeners(vec![server.address]);
    client
}

fn assert_own_listener(text: &str) {
    assert!(text.contains("this host's own listener"), "{text}");
}

#[tokio::test]
async fn only_webhooks_are_reached() {
    let host = Server::start(|_| ok("")).await;
    let client = client_of(&host);
    assert_own_listener(&denied(client.send(get(host.url("/v1/runs"))).await));
    assert!(
        client
            .send(get(host.url("/hooks/token/sub?q=1")))
            .await
            .is_ok()
    );
    let paths: Vec<_> = host
        .seen()
        .iter()
        .map(|seen| seen.path().to_owned())
        .collect();
    assert_eq!(paths, ["/hooks/token/sub?q=1"]);
}

#[tokio::test]
async fn an_entry_of_the_policy_does_not_open_them() {
    let host = Server::start(|_| ok("")).await;
    let client = client(allowing(&[host.address.to_string()]), Names::new(&[]));
    client.set_listeners(vec![host.address]);
    assert_own_listener(&denied(client.send(get(host.url("/v1/runs"))).await));
    assert!(client.send(get(host.url("/hooks/token"))).await.is_ok());
}

#[tokio::test]
async fn a_webhook_is_still_under_the_policy() {
    let host = Server::start(|_| ok("")).await;
    let client = client(Settings::default(), Names::new(&[]));
    client.set_listeners(vec![host.address]);
    let text = denied(client.send(get(host.url("/hooks/token"))).await);
    assert!(text.contains("--allow-private-egress"), "{text}");
}

#[tokio::test]
async fn a_path_that_only_looks_like_a_webhook() {
    let host = Server::start(|_| ok("")).await;
    let client = client_of(&host);
    for path in [
        "/hooks",
        "//hooks/token",
        "/HOOKS/token",
        "/hooks/../v1/runs",
        "/hooks/x/../../v1/runs",
        "/hooks/%2e%2e/v1/runs",
        "/hooks/.%2E/v1/runs",
        "/hooks/..%2fv1/runs",
        "/hooks/..%5Cv1/runs",
        "/v1/runs?/hooks/",
        "/v1/runs#/hooks/",
    ] {
        assert_own_listener(&denied(client.send(get(host.url(path))).await));
    }
    for path in ["/hooks\\..\\v1\\runs", "/hooks/..\\v1/runs"] {
        let refused = client.send(get(host.url(path))).await;
        assert!(matches!(refused, Err(CallError::Invalid(_))), "{refused:?}");
    }
    assert_eq!(host.connections(), 0);
}

#[tokio::test]
async fn a_listener_on_every_address_is_found_under_each_of_them() {
    let host = Server::start_at("0.0.0.0:0", |_| ok("")).await;
    let names = Names::new(&[("host.example", &[&["127.0.0.1"]])]);
    let client = client(open(), names);
    client.set_listeners(vec![host.address]);
    for name in [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "host.example",
    ] {
        let url = format!("http://{name}:{}/v1/runs", host.port());
        assert_own_listener(&denied(client.send(get(url)).await));
    }
    assert_eq!(host.connections(), 0);
}

#[tokio::test]
async fn another_port_is_another_server() {
    let host = Server::start(|_| ok("")).await;
    let other = Server::start(|_| ok("")).await;
    assert!(
        client_of(&host)
            .send(get(other.url("/v1/runs")))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn each_redirect_is_checked() {
    let host = Server::start(|_| ok("")).await;
    let to = host.url("");
    let other = Server::start(move |seen| redirect(307, &format!("{to}{}", seen.path()))).await;
    let client = client_of(&host);
    let follow = |path: &str| Attempt {
        redirects: 1,
        ..get(other.url(path))
    };
    assert_own_listener(&denied(client.send(follow("/v1/runs")).await));
    assert_eq!(host.connections(), 0);
    assert!(client.send(follow("/hooks/token")).await.is_ok());
}

#[tokio::test]
async fn a_webhook_cannot_redirect_into_the_api() {
    let host = Server::start(|_| redirect(307, "/v1/runs")).await;
    let attempt = Attempt {
        redirects: 1,
        ..get(host.url("/hooks/token"))
    };
    assert_own_listener(&denied(client_of(&host).send(attempt).await));
    assert_eq!(host.seen().len(), 1);
}

#[tokio::test]
async fn a_connection_made_for_a_webhook_serves_nothing_else() {
    let host = Server::start(|_| ok("")).await;
    let client = client_of(&host);
    for _ in 0..2 {
        assert!(client.send(get(host.url("/hooks/token"))).await.is_ok());
        assert_own_listener(&denied(client.send(get(host.url("/v1/runs"))).await));
    }
    assert_eq!((host.seen().len(), host.connections()), (2, 2));
}

#[tokio::test]
async fn a_connection_made_before_the_listeners_were_known_is_not_used_again() {
    let host = Server::start(|_| ok("")).await;
    let client = open_client();
    assert!(client.send(get(host.url("/v1/runs"))).await.is_ok());
    client.set_listeners(vec![host.address, SocketAddr::from(([127, 0, 0, 1], 1))]);
    assert_own_listener(&denied(client.send(get(host.url("/v1/runs"))).await));
}
