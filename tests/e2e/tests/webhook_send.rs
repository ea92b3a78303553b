//! `dormouse webhook send`, which calls a webhook by hand.

use std::fs;

use dormouse_e2e::{Cli, Host, Reply, Service, body, header_values};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::forms::waits_after_go;

/// Of no use to anybody.
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
/// Base64, which Standard Webhooks wants.
const SECRET: &str = "b2Ygbm8gdXNlIHRvIGFueWJvZHk=";

fn secret_file(secret: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("{secret}\n")).unwrap();
    file
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

#[test]
fn a_webhook_takes_what_is_sent_by_hand() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    let url = format!("{}/sub?q=1", run.hook("a"));
    let cli = Cli::of(&host);
    let said = cli
        .run(&[
            "webhook",
            "send",
            &url,
            "--method",
            "PUT",
            "--data",
            "{\"n\": 1}",
            "-H",
            "X-A: b: c",
        ])
        .ok();
    assert!(said.starts_with("202 Accepted\n"), "{said}");
    assert!(said.contains("\"duplicate\":false"), "{said}");
    let delivery = run.output()[1].clone();
    assert_eq!(delivery["method"], "PUT");
    assert_eq!(delivery["url"], url);
    assert_eq!(body(&delivery), "{\"n\": 1}");
    let header = |name: &str| header_values(&delivery["headers"], name);
    assert_eq!(header("content-type"), [b"application/json"]);
    assert_eq!(header("x-a"), [b"b: c"]);
}

#[test]
fn a_repeat_with_the_same_key_is_known() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let send = || {
        let arguments = ["webhook", "send", &hook, "--key", "k", "--json"];
        Cli::of(&host).run(&arguments).json()
    };
    for duplicate in [false, true] {
        let answer = send();
        assert_eq!(answer["status"], 202);
        let headers = answer["headers"].as_array().unwrap();
        let is_type = |header: &&Value| header["name"] == "content-type";
        assert_eq!(
            headers.iter().find(is_type).unwrap()["value"],
            "application/json"
        );
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["duplicate"], duplicate);
    }
}

#[test]
fn every_scheme_signs_what_the_host_accepts() {
    let host = Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], &[]);
    let uses = json!([{"workflow": "script", "verify": true}]);
    let secret = host.request("PUT", "/v1/secrets/live");
    secret
        .json(&json!({"value": SECRET, "uses": uses}))
        .send()
        .expect(201);
    let right = secret_file(SECRET);
    let wrong = secret_file("YSBzZWNyZXQgb2Ygc29tZWJvZHkgZWxzZQ==");
    let cli = Cli::of(&host);
    for scheme in [
        "standard-webhooks",
        "github",
        "stripe",
        "slack",
        "hmac-sha256",
    ] {
        let is_generic = scheme == "hmac-sha256";
        let mut check = json!({"scheme": scheme, "secrets": ["live"]});
        let mut flags = vec!["--sign", scheme];
        if is_generic {
            check["header"] = json!("X-Mine");
            check["prefix"] = json!("sha256=");
            flags.extend(["--sign-header", "x-mine", "--sign-prefix", "sha256="]);
        }
        let run = host.script(
            &json!({"seq": [{"webhook": "a", "options": {"signature": check}}, {"wait": "a"}]}),
        );
        let hook = run.hook("a");
        let send = |file: &NamedTempFile| {
            let arguments = [
                "webhook",
                "send",
                &hook,
                "--data",
                "signed",
                "--secret-file",
                path(file),
            ];
            cli.run(&[arguments.as_slice(), &flags].concat())
        };
        let refused = send(&wrong);
        assert_eq!(refused.code, 1, "{scheme}");
        assert!(
            refused.stdout.starts_with("401 Unauthorized\n"),
            "{}",
            refused.stdout
        );
        assert!(
            refused.stdout.contains("signature-wrong"),
            "{}",
            refused.stdout
        );
        let accepted = send(&right).ok();
        assert!(!accepted.contains(SECRET), "{accepted}");
        assert_eq!(body(&run.output()[1]), "signed", "{scheme}");
    }
}

#[test]
fn it_sends_the_given_request_without_the_api_token() {
    let service = Service::start(|request| match request.number {
        0 => Reply::status(200).body("thank you"),
        _ => Reply::status(302).header("location", "/elsewhere"),
    });
    let cli = Cli::of(&Host::start()).variable(
        "DORMOUSE_API_TOKEN",
        "a-token-that-opens-the-api-0123456789",
    );
    let send = |input: &[u8], arguments: &[&str]| {
        cli.feed(
            input,
            &[&["webhook", "send", service.url()], arguments].concat(),
        )
    };
    let said = send(
        b"from standard input",
        &["--data", "-", "--content-type", "text/plain"],
    )
    .ok();
    assert_eq!(said, "200 OK\n\nthank you\n");
    let file = secret_file("from a file");
    let data = format!("@{}", path(&file));
    let redirected = send(b"", &["--data", &data, "--method", "PATCH"]);
    assert_eq!(redirected.code, 1, "{}", redirected.stderr);
    assert!(
        redirected.stdout.contains("location: /elsewhere"),
        "{}",
        redirected.stdout
    );
    send(b"", &["--method", "GET"]);

    let requests = service.requests();
    let seen: Vec<(&str, &[u8])> = requests
        .iter()
        .map(|request| (request.method.as_str(), request.body.as_slice()))
        .collect();
    let expected: [(&str, &[u8]); 3] = [
        ("POST", b"from standard input"),
        ("PATCH", b"from a file\n"),
        ("GET", b""),
    ];
    assert_eq!(seen, expected);
    assert_eq!(requests[0].header("content-type"), Some("text/plain"));
    for request in &requests {
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn mistakes_are_reported_without_secrets() {
    let cli = Cli::of(&Host::start()).variable("DORMOUSE_WEBHOOK_SECRET", "short\u{7}");
    let url = "http://127.0.0.1:1/hooks/TOKEN";
    let fails = |arguments: &[&str], code: i32, says: &str| {
        let outcome = cli.run(&[&["webhook", "send"], arguments].concat());
        assert_eq!(outcome.code, code, "{arguments:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(says),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert!(!outcome.stderr.contains("short"), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
        outcome.stderr
    };
    let unreachable = fails(&[url], 3, "http://127.0.0.1:1 cannot be reached");
    assert!(!unreachable.contains("TOKEN"), "{unreachable}");
    fails(&["hooks.example/hooks/TOKEN"], 2, "begins with https://");
    fails(&[url, "--sign", "github"], 2, "is not a secret");
    fails(&[url, "--sign", "hmac-sha256"], 2, "--sign-header");
    fails(
        &[url, "--sign", "github", "--sign-header", "x"],
        2,
        "it has none",
    );
    fails(&[url, "--sign", "rot13"], 2, "`dormouse providers` lists");
    fails(&[url, "-H", "no colon"], 2, "a colon");
}
