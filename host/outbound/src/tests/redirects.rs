//! As many redirects are followed as the attempt allows, and each redirected request is checked like the first.

use bytes::Bytes;
use dormouse_journal::Response;

use super::support::{
    Names, Server, allowing, attempt, client, denied, get, ok, open_client, redirect,
};
use dormouse_seams::Attempt;

fn following(redirects: u32, attempt: Attempt) -> Attempt {
    Attempt {
        redirects,
        ..attempt
    }
}

fn location(response: &Response) -> Option<&Bytes> {
    response
        .headers
        .iter()
        .find(|(name, _)| name == "location")
        .map(|(_, value)| value)
}

/// Returns a server that redirects `/3` to `/2`, `/2` to `/1`, and `/1` to `/0`, which answers with a success.
async fn countdown() -> Server {
    Server::start(|seen| match seen.path()[1..].parse::<u32>().unwrap() {
        0 => ok("arrived"),
        n => redirect(302, &(n - 1).to_string()),
    })
    .await
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_is_allowed() {
    let server = countdown().await;
    let client = open_client();
    let arrived = client
        .send(following(3, get(server.url("/3"))))
        .await
        .unwrap();
    assert_eq!(&arrived.body[..], b"arrived");

    let last = client
        .send(following(2, get(server.url("/3"))))
        .await
        .unwrap();
    assert_eq!(
        (last.status, location(&last)),
        (302, Some(&Bytes::from("0")))
    );

    let first = client
        .send(following(0, get(server.url("/3"))))
        .await
        .unwrap();
    assert_eq!(
        (first.status, location(&first)),
        (302, Some(&Bytes::from("2")))
    );
}

#[tokio::test]
async fn a_kept_method_keeps_its_body_and_a_changed_one_loses_it() {
    let server = Server::start(|seen| match seen.path() {
        "/307" => redirect(307, "/end"),
        "/303" => redirect(303, "/end"),
        _ => ok(""),
    })
    .await;
    let client = open_client();
    let headers: [(&str, &[u8]); 1] = [("content-type", b"text/plain")];
    for path in ["/307", "/303"] {
        let post = attempt("POST", server.url(path), &headers, "body");
        client.send(following(1, post)).await.unwrap();
    }
    let [_, kept, _, changed] = <[_; 4]>::try_from(server.seen()).unwrap();
    assert_eq!(
        (kept.method.as_str(), &kept.body[..]),
        ("POST", &b"body"[..])
    );
    assert_eq!(kept.header("content-type"), Some("text/plain"));
    assert_eq!(
        (changed.method.as_str(), &changed.body[..]),
        ("GET", &b""[..])
    );
    assert_eq!(
        (
            changed.header("content-type"),
            changed.header("content-length")
        ),
        (None, None)
    );
}

#[tokio::test]
async fn another_server_does_not_see_the_credentials() {
    let other = Server::start(|_| ok("")).await;
    let to = other.url("/");
    let server = Server::start(move |seen| match seen.path() {
        "/here" => redirect(307, "/away"),
        _ => redirect(307, &to),
    })
    .await;
    let headers: [(&str, &[u8]); 3] = [("authorization", b"a"), ("cookie", b"c"), ("x-kept", b"k")];
    let attempt = attempt("GET", server.url("/here"), &headers, "");
    open_client().send(following(2, attempt)).await.unwrap();

    let here = server.seen().remove(1);
    assert_eq!(
        (here.header("authorization"), here.header("cookie")),
        (Some("a"), Some("c"))
    );
    let away = other.seen().remove(0);
    assert_eq!(
        (away.header("authorization"), away.header("cookie")),
        (None, None)
    );
    assert_eq!(away.header("x-kept"), Some("k"));
    assert_eq!(
        away.header("host"),
        Some(other.address.to_string().as_str())
    );
}

#[tokio::test]
async fn the_policy_holds_for_where_a_redirect_leads() {
    let private = Server::start(|_| ok("")).await;
    let port = private.port();
    let public = Server::start(move |seen| match seen.path() {
        "/name" => redirect(302, &format!("http://internal.example:{port}/")),
        _ => redirect(302, &format!("http://127.0.0.1:{port}/")),
    })
    .await;
    let names = Names::new(&[("internal.example", &[&["127.0.0.1"]])]);
    let client = client(allowing(&[public.address.to_string()]), names);
    for path in ["/name", "/address"] {
        denied(client.send(following(1, get(public.url(path)))).await);
    }
    assert_eq!(private.connections(), 0);
}
