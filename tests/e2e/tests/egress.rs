//! The addresses to which calls may go: by default only the public Internet, and never the host's
//! own API.

use std::fs;

use dormouse_e2e::{Host, Reply, Service, bytes};
use serde_json::{Value, json};

fn calls(urls: &[String]) -> Value {
    let call = |url: &String| json!({"call": {"url": url, "attempts": 1, "timeout_ms": 60_000}});
    json!({"join": urls.iter().map(call).collect::<Vec<_>>()})
}

fn denied(count: usize) -> Value {
    vec![json!({"error": "denied"}); count].into()
}

#[test]
fn addresses_that_are_not_public_are_denied_by_default() {
    let service = Service::answering(&[200]);
    let port = service.url().rsplit_once(':').unwrap().1;
    let hosts = [
        "127.0.0.1",
        "localhost",
        "127.1.2.3",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fc00::1]",
        "100.64.0.1",
    ];
    let urls: Vec<String> = hosts
        .iter()
        .map(|host| format!("http://{host}:{port}/"))
        .collect();
    let host = Host::with(&[]);
    assert_eq!(host.script(&calls(&urls)).output(), denied(urls.len()));
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn places_on_the_list_may_be_called_and_no_others() {
    let (listed, other) = (Service::answering(&[200]), Service::answering(&[200]));
    let address = listed.url().strip_prefix("http://").unwrap();
    let host = Host::with(&["--allow-egress", address]);
    let run = host.script(&calls(&[listed.url().into(), other.url().into()]));
    let output = run.output();
    assert_eq!(
        (&output[0]["status"], &output[1]),
        (&json!(200), &json!({"error": "denied"}))
    );
    assert_eq!((listed.requests().len(), other.requests().len()), (1, 0));
}

#[test]
fn a_redirect_goes_nowhere_that_a_call_could_not() {
    let forbidden = Service::answering(&[200]);
    let to = forbidden.url().to_owned();
    let listed = Service::start(move |_| Reply::status(302).header("Location", &to));
    let address = listed.url().strip_prefix("http://").unwrap();
    let host = Host::with(&["--allow-egress", address]);
    assert_eq!(
        host.script(&calls(&[listed.url().into()])).output(),
        denied(1)
    );
    assert_eq!(forbidden.requests().len(), 0);
}

#[test]
fn credentials_and_the_hosts_api_are_out_of_the_guests_reach() {
    let host = Host::with_token("s3cr3t-of-the-api", &["--allow-private-egress"]);
    host.deploy("script", "script");
    let port = host.authority().rsplit_once(':').unwrap().1.to_owned();
    let redirect = format!("http://127.0.0.1:{port}/v1/runs");
    let service = Service::start(move |_| Reply::status(307).header("Location", &redirect));

    let mut urls = vec![service.url().to_owned()];
    for host in [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "2130706433",
    ] {
        urls.push(format!("http://{host}:{port}/v1/runs"));
    }
    for path in [
        "/",
        "/metrics",
        "/v1/workflows/script",
        "/hooks/../v1/runs",
        "/hooks/%2e%2e/v1/runs",
    ] {
        urls.push(format!("http://127.0.0.1:{port}{path}"));
    }
    let script = json!({"seq": [{"headers": true}, calls(&urls)]});
    let start = host
        .request("POST", "/v1/workflows/script/runs")
        .header("Cookie", "session=s3cr3t-of-the-browser")
        .header("Proxy-Authorization", "Basic s3cr3t-of-the-proxy")
        .header("X-Forwarded-For", "192.0.2.1")
        .header("Forwarded", "for=192.0.2.1")
        .header("Keep-Alive", "timeout=5")
        .header("X-Request-Id", "kept")
        .json(&script);
    let run = host.run(&start.send().expect(202).field("id"));

    let output = run.output();
    assert_eq!(output[1], denied(urls.len()));
    let seen: Vec<(&str, Vec<u8>)> = output[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| (header[0].as_str().unwrap(), bytes(&header[1])))
        .collect();
    assert!(
        seen.contains(&("x-request-id", b"kept".to_vec())),
        "{seen:?}"
    );
    let hidden = [
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-forwarded-for",
        "forwarded",
        "keep-alive",
        "connection",
        "transfer-encoding",
    ];
    assert!(
        seen.iter().all(|(name, _)| !hidden.contains(name)),
        "{seen:?}"
    );
    assert_not_stored(&host, "s3cr3t");
}

/// Whoever has a copy of the data has no credential by it.
#[track_caller]
fn assert_not_stored(host: &Host, secret: &str) {
    let files: Vec<_> = fs::read_dir(host.data_dir())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    for file in files {
        let content = fs::read(&file).unwrap();
        let found = content
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{} has it", file.display());
    }
    assert!(!host.log().contains(secret));
}

#[test]
fn a_host_on_every_address_is_out_of_reach_by_each() {
    let host = Host::with_token("s3cret", &["--allow-private-egress", "--listen=0.0.0.0"]);
    let port = host.authority().rsplit_once(':').unwrap().1.to_owned();
    let hosts = [
        "127.0.0.1",
        "127.1.2.3",
        "localhost",
        "0.0.0.0",
        "[::ffff:127.1.2.3]",
    ];
    let urls: Vec<String> = hosts
        .iter()
        .map(|host| format!("http://{host}:{port}/v1/runs"))
        .collect();
    assert_eq!(host.script(&calls(&urls)).output(), denied(urls.len()));
}

#[test]
fn runs_may_call_each_others_webhooks() {
    let host = Host::start();
    let waiting = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    let url = format!("{}/from/a/run?x=1", waiting.hook("a"));
    let calling = host.script(&json!({"call": {"method": "POST", "url": url, "body": "hello"}}));
    assert_eq!(calling.output()["status"], 202);
    assert_eq!(waiting.output()[1]["url"], url);
}
