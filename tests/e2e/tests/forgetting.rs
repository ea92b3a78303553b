//! Forgetting that a request was accepted, so that a redelivery by hand counts as a new request; and secrets that
//! cannot be keys.

use dormouse_e2e::{Answer, Cli, Host, Scheme, now, request, sign};
use serde_json::{Value, json};

use crate::forms::{verifying, waits_after_go_with};

const SECRET: &str = "A_Made-Up-Value-7F3c91d04bE2";
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// A description of a provider that names a delivery by two values.
const ACME: &str = r#"
name = "acme"
title = "Acme"
page = "https://acme.example/docs"

[[signature]]
algorithm = "token"
signature = { header = "X-Acme-Token" }

[[repeat]]
places = [{ header = "X-Acme-Order" }, { json = "/event" }]
signed = false
other_body = "same"

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

fn forget(host: &Host, url: &str, id: impl Into<Value>) -> Answer {
    let asked = json!({"url": url, "id": id.into()});
    host.request("POST", "/v1/webhooks/forget")
        .json(&asked)
        .send()
}

/// Returns a webhook that takes GitHub's events, and another one that asks for nothing.
fn hooks(host: &Host) -> (String, String) {
    let signed = json!({"signature": {"scheme": "github", "secrets": ["s"]}});
    let signed = host.script(&waits_after_go_with(&signed, 9));
    let open = host.script(&waits_after_go_with(&json!({}), 9));
    signed.wait_for_status("suspended");
    open.wait_for_status("suspended");
    (signed.hook("a"), open.hook("a"))
}

/// Delivers an event as GitHub does, and tells whether it is a repeat.
#[track_caller]
fn deliver(url: &str, id: &str) -> bool {
    let signed = sign(Scheme::Github, SECRET, "", now(), b"{}");
    let sent = request("POST", url).header("x-github-delivery", id);
    let answer = sent.headers(&signed).body("{}").send().expect(202);
    answer.json()["duplicate"].as_bool().unwrap()
}

#[track_caller]
fn send(url: &str, header: &str, key: &str) -> bool {
    let answer = request("POST", url).header(header, key).body("{}").send();
    answer.expect(202).json()["duplicate"].as_bool().unwrap()
}

#[test]
fn a_redelivery_by_hand_is_taken_when_the_first_one_is_forgotten() {
    let mut host = host();
    let (signed, open) = hooks(&host);
    assert!(!deliver(&signed, "d1"));
    assert!(!deliver(&signed, "d2"));
    assert!(deliver(&signed, "d1"));
    let forgotten = forget(&host, &signed, "d1").expect(200).json();
    assert_eq!(forgotten["forgotten"], json!(["github"]));
    assert_eq!(forgotten["webhook"], 0);
    host.restart();
    assert!(!deliver(&signed, "d1"), "it is a new one");
    assert!(deliver(&signed, "d1"), "and then the same one again");
    assert!(deliver(&signed, "d2"), "the others are remembered");

    for (header, kind) in [
        ("idempotency-key", "Idempotency-Key"),
        ("webhook-id", "webhook-id"),
    ] {
        assert!(!send(&open, header, kind));
        let sub = format!("{open}/sub?q=1");
        let forgotten = forget(&host, &sub, kind).expect(200).json();
        assert_eq!(forgotten["forgotten"], json!([kind]));
        assert!(!send(&open, header, kind));
    }
    assert!(!send(&open, "idempotency-key", "\"quoted\""));
    forget(&host, &open, "quoted").expect(200);
    assert!(!send(&open, "idempotency-key", "quoted"));
}

#[test]
fn a_trigger_starts_another_run_when_a_delivery_is_forgotten() {
    let host = host();
    let options = json!({"provider": "acme", "description": ACME, "secrets": ["s"]});
    let url = set(&host, "acme", options);
    let sent = || {
        let sent = request("POST", &url).header("x-acme-token", SECRET);
        let sent = sent.header("x-acme-order", "4711");
        let answer = sent.json(&json!({"event": "paid", "request": true})).send();
        answer.expect(202).field("id")
    };
    let first = sent();
    assert_eq!(sent(), first);
    forget(&host, &url, "4711").expect_problem(404, "not-remembered");
    let told = Cli::of(&host).run(&["webhook", "forget", &url, "4711", "paid"]);
    let told = told.ok();
    assert!(told.contains("at trigger acme"), "{told}");
    assert_ne!(sent(), first);
}

#[test]
fn each_reason_why_nothing_is_forgotten_has_its_own_error() {
    let host = host();
    let (signed, _) = hooks(&host);
    let trigger = set(&host, "t", json!({}));
    let detail = forget(&host, &signed, "d1").expect_problem(404, "not-remembered");
    let detail = detail.detail();
    assert!(
        detail.contains("github, Idempotency-Key, webhook-id"),
        "{detail}"
    );
    forget(&host, &trigger, json!(["a", "b"])).expect_problem(404, "not-remembered");
    for url in [
        "",
        "https://hooks.example/hooks/AAEB",
        &signed[..signed.len() - 1],
    ] {
        forget(&host, url, "d1").expect_problem(404, "unknown-webhook");
    }
    host.request("DELETE", "/v1/triggers/t").send().expect(204);
    forget(&host, &trigger, "d1").expect_problem(410, "trigger-gone");
    let many = vec!["a"; 17];
    for id in [json!(""), json!([]), json!(["a", ""]), json!(many)] {
        forget(&host, &signed, id).expect_problem(400, "invalid-delivery");
    }
    for id in [json!(1), json!([1]), json!(null)] {
        let problem = forget(&host, &signed, id).expect_problem(400, "invalid-json");
        assert!(problem.detail().contains("a list of texts"));
    }
}

#[test]
fn a_secret_that_cannot_be_a_key_is_shown_with_the_reason() {
    let host = host();
    host.set_secret("bad", "no base64 at all", &verifying());
    host.set_secret(
        "good",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        &verifying(),
    );
    // The secret is not for this workflow, so it is not mentioned.
    let other = json!([{"workflow": "other", "verify": true}]);
    host.set_secret("foreign", "no base64 either", &other);
    let secrets = json!(["good", "bad", "foreign", "none"]);
    let signature = json!({"scheme": "standard-webhooks", "secrets": secrets});
    let run = host.script(&waits_after_go_with(&json!({"signature": signature}), 1));
    run.wait_for_status("suspended");
    let reason = "the secret is not base64, as those of this provider are";
    let expected = json!([{"name": "bad", "reason": reason}]);
    assert_eq!(run.webhooks()["webhooks"][0]["unusable_secrets"], expected);
    let options = json!({"provider": "standard-webhooks", "secrets": secrets});
    set(&host, "t", options);
    let shown = host.get("/v1/triggers/t").expect(200).json();
    assert_eq!(shown["unusable_secrets"], expected);
    let told = Cli::of(&host).run(&["trigger", "show", "t"]).ok();
    assert!(told.contains(reason) && !told.contains("at all"), "{told}");
    host.set_secret(
        "bad",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        &verifying(),
    );
    let shown = host.get("/v1/triggers/t").expect(200).json();
    assert_eq!(shown["unusable_secrets"], Value::Null);
}
