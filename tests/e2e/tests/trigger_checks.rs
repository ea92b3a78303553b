//! Triggers whose requests are checked by descriptions of providers, come from pages, or are compressed.

use dormouse_e2e::{Host, request};
use serde_json::{Value, json};

use crate::forms::verifying;

const SECRET: &str = "A_Made-Up-Value-7F3c91d04bE2";
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// `{"request":true}`, by gzip.
const GZIP: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xabV*J-,M-.Q\xb2*)*M\xad\x05\x00\x81\xc4[\xe3\x10\x00\x00\x00";

/// A description of a provider that sends a token.
const ACME: &str = r#"
name = "acme"
title = "Acme"
page = "https://acme.example/docs"

[[signature]]
algorithm = "token"
signature = { header = "X-Acme-Token" }

[[repeat]]
places = [{ header = "X-Acme-Id" }]
signed = false
other_body = "same"

[answer]
refused = { status = 403, body = "go away" }

[[vector]]
from = "made"
secret = "s"
headers = { "X-Acme-Token" = "s" }
verdict = "accepted"
"#;

fn host() -> Host {
    let host = Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], &[]);
    host.deploy("script", "script");
    host.set_secret("s", SECRET, &verifying());
    host
}

/// Sets a trigger for the scripted guest, with these options besides. Returns its URL.
#[track_caller]
fn set(host: &Host, name: &str, mut options: Value) -> String {
    options["workflow"] = json!("script");
    let path = format!("/v1/triggers/{name}");
    let answer = host.request("PUT", &path).json(&options).send();
    answer.expect(201).field("url")
}

#[test]
fn a_trigger_carries_a_description_of_its_own() {
    let host = host();
    let options = json!({
        "provider": "acme", "description": ACME, "secrets": ["s"], "tolerance": "10m",
    });
    let url = set(&host, "acme", options);
    let sent = |token: &str| {
        let sent = request("POST", &url).header("x-acme-token", token);
        sent.header("x-acme-id", "1")
            .json(&json!({"request": true}))
    };
    let refused = sent("another").send().expect(403);
    assert_eq!(refused.text(), "go away");
    let first = sent(SECRET).send().expect(202).field("id");
    let again = sent(SECRET).send().expect(202).json();
    assert_eq!(
        (&again["id"], &again["duplicate"]),
        (&json!(first), &json!(true))
    );
    let seen = host.run(&first).output()["headers"].to_string();
    assert!(
        seen.contains("x-acme-id") && !seen.contains("x-acme-token"),
        "{seen}"
    );
    let shown = host.get("/v1/triggers/acme").expect(200).json();
    assert_eq!(shown["provider"], "acme");
    assert_eq!(shown["description"], ACME);
    assert_eq!(shown["tolerance"], "600s");
    assert_eq!(shown["refused"], json!({"signature-wrong": 1}));
}

#[test]
fn the_probe_of_a_provider_is_answered_and_starts_nothing() {
    let host = host();
    let url = set(&host, "graph", json!({"provider": "microsoft-graph"}));
    let probe = request("POST", format!("{url}?validationToken=x")).send();
    assert_eq!(probe.expect(200).text(), "x");
    let shown = host.get("/v1/triggers/graph").expect(200).json();
    assert_eq!(
        (&shown["started"], &shown["existing"]),
        (&json!(0), &json!(0))
    );
}

#[test]
fn pages_of_an_origin_that_is_listed_may_send_requests() {
    let host = host();
    let origin = "https://app.example";
    let url = set(&host, "form", json!({"cors": [origin]}));
    let asked = |origin: &str| {
        let asked = request("OPTIONS", &url).header("origin", origin);
        asked.header("access-control-request-method", "POST").send()
    };
    let allowed = asked(origin).expect(204);
    assert_eq!(allowed.header("access-control-allow-origin"), Some(origin));
    let other = asked("https://other.example").expect(204);
    assert_eq!(other.header("access-control-allow-origin"), None);
}

#[test]
fn a_compressed_request_is_read_by_its_run() {
    let host = host();
    let url = set(&host, "orders", json!({}));
    let sent = request("POST", &url).header("content-encoding", "gzip");
    let run = host.run(&sent.body(GZIP).send().expect(202).field("id"));
    let request = run.output();
    assert_eq!(request["trigger"], "orders");
    assert!(
        request["headers"].to_string().contains("content-encoding"),
        "{request}"
    );
}

#[test]
fn a_quoted_key_and_the_bare_one_are_one() {
    let host = host();
    let url = set(&host, "orders", json!({}));
    let keyed = |key: &str| {
        let sent = request("POST", &url).header("idempotency-key", key);
        sent.json(&json!({"request": true})).send().expect(202)
    };
    let first = keyed("k").field("id");
    let again = keyed("\"k\"").json();
    assert_eq!(
        (&again["id"], &again["duplicate"]),
        (&json!(first), &json!(true))
    );
}
