//! Webhooks of providers that are known only by their descriptions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dormouse_e2e::{Host, Request, Run, Scheme, now, request, sign};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::forms::{verifying, waits_after_go_with};

const SECRET: &str = "A_Made-Up-Value-7F3c91d04bE2";
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

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

fn host_with(settings: &[&str]) -> Host {
    let host = Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], settings);
    host.set_secret("s", SECRET, &verifying());
    host
}

/// Returns a run that waits for one request after `go`, and its webhook.
fn waiting_run(host: &Host, options: &Value) -> (Run, String) {
    let run = host.script(&waits_after_go_with(options, 1));
    let hook = run.hook("a");
    (run, hook)
}

fn hmac(text: &str) -> Vec<u8> {
    let mut hmac: Hmac<Sha256> = Hmac::new_from_slice(SECRET.as_bytes()).unwrap();
    hmac.update(text.as_bytes());
    hmac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn acme(hook: &str, token: &str) -> Request {
    request("POST", hook)
        .header("x-acme-token", token)
        .header("x-acme-id", "1")
}

/// Shopify wants 200, and its own two headers name a delivery.
#[test]
fn shopifys_requests_are_checked_and_known_again() {
    let host = host_with(&[]);
    let options = json!({"provider": {"name": "shopify", "secrets": ["s"]}});
    let (_run, hook) = waiting_run(&host, &options);
    let body = r#"{"id":820982911946154508}"#;
    let signed = |body: &str, digest: &[u8]| {
        request("POST", &hook)
            .header("x-shopify-topic", "orders/create")
            .header("x-shopify-event-id", "98880550-7158")
            .header("x-shopify-hmac-sha256", STANDARD.encode(digest))
            .body(body.as_bytes())
    };
    signed(body, &hmac(body)).send().expect(200);
    signed(body, &hmac(body)).send().expect(200);
    assert_eq!(host.hook_answers("accepted"), 1);
    assert_eq!(host.hook_answers("duplicate"), 1);
    signed(body, &hmac("another"))
        .send()
        .expect_problem(401, "signature-wrong");
}

/// Zoom's probe is signed, and wants the HMAC of its token.
#[test]
fn zooms_probe_is_answered_with_an_hmac() {
    let host = host_with(&[]);
    let options = json!({"provider": {"name": "zoom", "secrets": ["s"]}});
    let (_run, hook) = waiting_run(&host, &options);
    let signed = |body: &Value| {
        let time = now().to_string();
        let body = body.to_string();
        let digest = hex(&hmac(&format!("v0:{time}:{body}")));
        request("POST", &hook)
            .header("x-zm-request-timestamp", &time)
            .header("x-zm-signature", format!("v0={digest}"))
            .body(body.as_bytes())
    };
    let probe =
        json!({"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS"}});
    let answer = signed(&probe).send().expect(200).json();
    let expected = json!({
        "plainToken": "qgg8vlvZRS", "encryptedToken": hex(&hmac("qgg8vlvZRS")),
    });
    assert_eq!(answer, expected);
    // Nobody has the host sign a request for him.
    let forged = json!({
        "event": "endpoint.url_validation", "payload": {"plainToken": "v0:1:{\"event\":\"x\"}"},
    });
    signed(&forged)
        .send()
        .expect_problem(400, "probe-unanswerable");
    let event = json!({"event": "meeting.started", "event_ts": 1, "payload": {}});
    signed(&event).send().expect(200);
    assert_eq!(host.hook_answers("accepted"), 1);
}

#[test]
fn a_webhook_can_carry_a_description_of_its_own() {
    let host = host_with(&["--when-broken", "block"]);
    let options = json!({
        "description": ACME, "provider": {"name": "acme", "secrets": ["s"]},
    });
    let (run, hook) = waiting_run(&host, &options);
    acme(&hook, SECRET).send().expect(202);
    let again = acme(&hook, SECRET).send().expect(202).json();
    assert_eq!(again["duplicate"], true);
    let refused = acme(&hook, "wrong").send().expect(403);
    assert_eq!(refused.text(), "go away");
    let webhook = &run.webhooks()["webhooks"][0];
    assert_eq!(webhook["rejected"]["signature-wrong"], 1);
    assert_eq!(webhook["description"], ACME);
    let wrong = json!({
        "description": ACME.replace("\"token\"", "\"md5\""),
        "provider": {"name": "acme", "secrets": ["s"]},
    });
    let run = host.script(&json!({"webhook": "a", "options": wrong}));
    let error = run.wait_for_status("blocked").to_string();
    assert!(error.contains("line 7"), "{error}");
    assert!(error.contains("hmac-sha256"), "{error}");
}

#[test]
fn a_description_that_is_gone_is_the_hosts_trouble() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("acme.toml"), ACME).unwrap();
    let folder_path = folder.path().to_str().unwrap();
    let mut host = host_with(&["--providers-dir", folder_path]);
    let known = host.get("/v1/providers/acme").expect(200).json();
    assert_eq!(known["built_in"], false);
    host.get("/v1/providers/nobody")
        .expect_problem(404, "unknown-provider");
    let options = json!({"provider": {"name": "acme", "secrets": ["s"]}});
    let (run, hook) = waiting_run(&host, &options);
    acme(&hook, SECRET).send().expect(202);
    std::fs::remove_file(folder.path().join("acme.toml")).unwrap();
    host.kill();
    host.resume();
    let answer = acme(&hook, SECRET).send();
    let answer = answer.expect_problem(503, "provider-unknown");
    assert!(answer.header("retry-after").is_some());
    // The run replays all the same.
    crate::forms::go(&run);
    run.output();
}

#[test]
fn a_wrong_description_refuses_the_start_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = ACME.replace("\"token\"", "\"md5\"");
    std::fs::write(folder.path().join("acme.toml"), wrong).unwrap();
    let folder = folder.path().to_str().unwrap();
    let mut host = Host::unstarted(&["--providers-dir", folder]);
    let (status, log) = host.try_resume().unwrap_err();
    assert_eq!(status.code(), Some(2));
    assert!(log.contains("acme.toml, line 7"), "{log}");
    assert!(log.contains("hmac-sha256"), "{log}");
}

/// A provider that keeps the first timestamp sends a delivery again minutes later.
#[test]
fn a_webhook_can_take_older_requests() {
    let host = host_with(&["--signature-tolerance-limit", "15m"]);
    let (_run, strict) = waiting_run(
        &host,
        &json!({"signature": {"scheme": "stripe", "secrets": ["s"]}}),
    );
    let options =
        json!({"signature": {"scheme": "stripe", "secrets": ["s"]}, "tolerance": 3_600_000});
    let (_run, lenient) = waiting_run(&host, &options);
    let post = |hook: &str, age: u64| {
        let headers = sign(Scheme::Stripe, SECRET, "", now() - age, b"{}");
        request("POST", hook).headers(&headers).body(b"{}").send()
    };
    post(&strict, 600).expect_problem(401, "signature-stale");
    post(&lenient, 600).expect(202);
    // The host's own limit goes before what the webhook asks for.
    post(&lenient, 1_800).expect_problem(401, "signature-stale");
}

#[test]
fn only_pages_of_origins_that_are_named_may_send_requests() {
    let host = host_with(&[]);
    let options = json!({"cors": ["https://app.example"]});
    let (_run, hook) = waiting_run(&host, &options);
    let preflight = |origin: &str| {
        let asked = request("OPTIONS", &hook)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        asked.send().expect(204)
    };
    let allowed = preflight("https://app.example");
    let header = |name| allowed.header(name);
    assert_eq!(
        header("access-control-allow-origin"),
        Some("https://app.example")
    );
    assert!(
        header("access-control-allow-methods")
            .unwrap()
            .contains("POST")
    );
    assert_eq!(header("access-control-allow-headers"), Some("content-type"));
    let other = preflight("https://evil.example");
    assert_eq!(other.header("access-control-allow-origin"), None);
    assert!(other.header("allow").is_some());
    let post = |origin: &str| {
        let sent = request("POST", &hook).header("origin", origin).body(b"{}");
        sent.send().expect(202)
    };
    let answer = post("https://app.example");
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.example")
    );
    let answer = post("https://evil.example");
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

/// A secret that can be no key is never called a wrong signature.
#[test]
fn a_secret_that_is_not_a_valid_key_is_reported() {
    let host = host_with(&[]);
    let (run, hook) = waiting_run(
        &host,
        &json!({"signature": {"scheme": "standard-webhooks", "secrets": ["s"]}}),
    );
    host.set_secret("s", "this is not base64!", &verifying());
    let sent = request("POST", &hook)
        .header("webhook-id", "msg_1")
        .header("webhook-timestamp", now().to_string())
        .header(
            "webhook-signature",
            format!("v1,{}", STANDARD.encode([0; 32])),
        )
        .send();
    sent.expect_problem(401, "signature-unverifiable");
    let log = host.log();
    assert!(
        log.contains("can be a key of its provider's signature"),
        "{log}"
    );
    let webhooks = run.webhooks();
    assert_eq!(
        webhooks["webhooks"][0]["rejected"]["signature-unverifiable"],
        1
    );
}

/// Asana sends its secret with the first request. The first value counts, whoever sends another.
#[test]
fn the_first_probe_teaches_the_secret() {
    let host = host_with(&[]);
    let options = json!({"provider": {"name": "asana", "secrets": ["asana-hook"]}});
    let (_run, hook) = waiting_run(&host, &options);
    let teach = |secret: &str| {
        let probe = request("POST", &hook).header("x-hook-secret", secret);
        let answer = probe.send().expect(200);
        assert_eq!(answer.header("x-hook-secret"), Some(secret));
    };
    let event = || {
        let digest = hex(&hmac(r#"{"events":[]}"#));
        let event = request("POST", &hook).header("x-hook-signature", &digest);
        event.body(r#"{"events":[]}"#).send()
    };
    event().expect_problem(401, "signature-unverifiable");
    teach(SECRET);
    teach("Another_Made-Up-Value-0b1c2d3e4f");
    event().expect(200);
    let secret = host.get("/v1/secrets/asana-hook").expect(200).json();
    assert_eq!(secret["uses"], verifying());
    assert!(!host.log().contains(SECRET));
}
