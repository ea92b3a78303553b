//! The policy holds for the address that is connected to, however the URL spells it and whatever its name server says.

use super::support::{Names, Server, allowing, client, denied, get, ok};
use crate::Settings;

#[tokio::test]
async fn loopback_is_refused_by_default_in_every_spelling() {
    let server = Server::start(|_| ok("")).await;
    let names = Names::new(&[
        ("localhost", &[&["127.0.0.1", "::1"]]),
        ("mapped.example", &[&["::ffff:127.0.0.1"]]),
    ]);
    let client = client(Settings::default(), names);
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "017700000001",
        "0177.0.0.1",
        "%31%32%37.0.0.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "localhost",
        "LocalHost",
        "mapped.example",
    ] {
        let text = denied(
            client
                .send(get(format!("http://{host}:{}/", server.port())))
                .await,
        );
        assert!(text.contains("--allow-private-egress"), "{host}: {text}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn https_is_checked_before_any_handshake() {
    let server = Server::start(|_| ok("")).await;
    let roots = super::tls::Authority::new(&["127.0.0.1"]).roots();
    let trust = crate::trust::Trust::in_roots(roots);
    let client = crate::Client::assemble(Settings::default(), Names::new(&[]), trust);
    denied(
        client
            .send(get(format!("https://{}/", server.address)))
            .await,
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_refusal_names_the_host_and_only_the_address_refused_first() {
    let names = Names::new(&[("internal.example", &[&["10.1.2.3", "10.4.5.6"]])]);
    let text = denied(
        client(Settings::default(), names)
            .send(get("http://internal.example/?q=secret"))
            .await,
    );
    assert_eq!(
        text,
        "internal.example (10.1.2.3) is a private address, which calls may not reach; whoever operates the host can \
         allow it with --allow-egress internal.example:80, or all such addresses with --allow-private-egress"
    );
}

#[tokio::test]
async fn a_mapped_address_is_treated_as_the_ipv4_address_that_it_is() {
    let names = Names::new(&[("mapped.example", &[&["::ffff:10.1.2.3"]])]);
    let text = denied(
        client(Settings::default(), names)
            .send(get("http://mapped.example/"))
            .await,
    );
    assert!(
        text.starts_with("mapped.example (10.1.2.3) is a private address"),
        "{text}"
    );
}

#[tokio::test]
async fn an_allowed_address_is_reached_and_its_neighbour_is_not() {
    let allowed = Server::start(|_| ok("")).await;
    let other = Server::start(|_| ok("")).await;
    let client = client(allowing(&[allowed.address.to_string()]), Names::new(&[]));
    assert!(client.send(get(allowed.url("/"))).await.is_ok());
    denied(client.send(get(other.url("/"))).await);
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn an_allowed_name_is_reached_and_another_name_for_the_same_address_is_not() {
    let server = Server::start(|_| ok("")).await;
    let names = Names::new(&[
        ("internal.example", &[&["127.0.0.1"]]),
        ("other.example", &[&["127.0.0.1"]]),
    ]);
    let settings = allowing(&[format!("internal.example:{}", server.port())]);
    let client = client(settings, names);
    let url = |name: &str| format!("http://{name}:{}/", server.port());
    assert!(client.send(get(url("internal.example"))).await.is_ok());
    denied(client.send(get(url("other.example"))).await);
    assert_eq!(server.connections(), 1);
}

/// The allowed address takes the place of a public one, since a test cannot listen on the Internet.
#[tokio::test]
async fn a_name_that_turns_private_after_the_check_gains_nothing() {
    let public = Server::start(|_| closing(ok("public"))).await;
    let private =
        Server::start_at(&format!("127.0.0.2:{}", public.port()), |_| ok("private")).await;
    let names = Names::new(&[("rebinding.example", &[&["127.0.0.1"], &["127.0.0.2"]])]);
    let client = client(allowing(&["127.0.0.1".into()]), names.clone());
    let url = format!("http://rebinding.example:{}/", public.port());

    let first = client.send(get(url.clone())).await.unwrap();
    assert_eq!((&first.body[..], names.asked()), (&b"public"[..], 1));
    denied(client.send(get(url)).await);
    assert_eq!((names.asked(), private.connections()), (2, 0));
}

#[tokio::test]
async fn if_a_name_has_several_addresses_only_an_allowed_one_is_connected_to() {
    let public = Server::start(|_| ok("public")).await;
    let private =
        Server::start_at(&format!("127.0.0.2:{}", public.port()), |_| ok("private")).await;
    let names = Names::new(&[("mixed.example", &[&["127.0.0.2", "127.0.0.1", "127.0.0.2"]])]);
    let client = client(allowing(&["127.0.0.1".into()]), names);
    let url = format!("http://mixed.example:{}/", public.port());
    assert_eq!(&client.send(get(url)).await.unwrap().body[..], b"public");
    assert_eq!(private.connections(), 0);
}

/// Returns an answer after which the server ends the connection, so that the next request needs another connection.
fn closing(mut answer: super::support::Answer) -> super::support::Answer {
    answer
        .headers_mut()
        .insert("connection", "close".parse().unwrap());
    answer
}
