//! Secrets: set, listed and deleted by API and command line, and never shown.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dormouse_e2e::{Answer, Cli, Host, request};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

const VALUE: &str = "A_Made-Up-Value-7F3c91d04bE2";
const OTHER: &str = "Another_Made-Up-Value-5E8ab217";

/// Keys, of which any is as good as another.
const OLD: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const NEW: &str = "0202020202020202020202020202020202020202020202020202020202020202";

/// What a host says at its start of secrets that it cannot open.
const WARNING: &str = "there are secrets that no key of this host opens";

fn key_file(keys: &[&str]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("# for a test\n{}\n", keys.join("\n"))).unwrap();
    file
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

/// Returns a host with a key.
fn host() -> Host {
    Host::with_environment(&[("DORMOUSE_SECRET_KEY", OLD)], &[])
}

fn put(host: &Host, name: &str, body: impl AsRef<[u8]>) -> Answer {
    host.request("PUT", &format!("/v1/secrets/{name}"))
        .header("content-type", "application/json")
        .body(body)
        .send()
}

fn verify(value: &str) -> String {
    json!({"value": value, "uses": [{"workflow": "w", "verify": true}]}).to_string()
}

/// Returns, by the name of each secret, whether the host has its key.
fn readable(host: &Host) -> Vec<(String, bool)> {
    let list = host.get("/v1/secrets").expect(200).json();
    let secrets = list["secrets"].as_array().unwrap().iter();
    secrets
        .map(|secret| {
            let name = secret["name"].as_str().unwrap().to_owned();
            (name, secret["readable"].as_bool().unwrap())
        })
        .collect()
}

fn pairs(expected: &[(&str, bool)]) -> Vec<(String, bool)> {
    let pair = |&(name, is): &(&str, bool)| (name.to_owned(), is);
    expected.iter().map(pair).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// Returns true if any file of a folder has this text.
fn is_on_disk(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            is_on_disk(&path, text)
        } else {
            contains(&fs::read(&path).unwrap(), text)
        }
    })
}

#[test]
fn a_secret_is_set_shown_replaced_and_deleted() {
    let host = host();
    let body = json!({"value": VALUE, "uses": [
        {"workflow": "not-deployed", "verify": true},
        {"workflow": "payment", "send_to": "https://API.example.com:443"},
    ]});
    let answer = put(&host, "stripe", body.to_string()).expect(201);
    assert_eq!(answer.header("location"), Some("/v1/secrets/stripe"));
    let first = answer.json();
    let fields: BTreeSet<&str> = first
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = ["created", "name", "readable", "updated", "uses"];
    assert_eq!(fields, BTreeSet::from(expected));
    assert_eq!(
        first["uses"],
        json!([
            {"workflow": "not-deployed", "verify": true},
            {"workflow": "payment", "send_to": "https://api.example.com"},
        ])
    );
    assert_eq!(host.get("/v1/secrets/stripe").expect(200).json(), first);
    assert_eq!(
        host.get("/v1/secrets").expect(200).json(),
        json!({"secrets": [&first]})
    );

    let second = put(&host, "stripe", verify(OTHER)).expect(200).json();
    assert_eq!(second["uses"], json!([{"workflow": "w", "verify": true}]));
    assert_eq!(second["created"], first["created"]);

    let delete = || host.request("DELETE", "/v1/secrets/stripe").send();
    delete().expect(204);
    delete().expect_problem(404, "unknown-secret");
    host.get("/v1/secrets/stripe")
        .expect_problem(404, "unknown-secret");
    assert_eq!(readable(&host), []);
}

#[test]
fn errors_about_a_secret_do_not_contain_its_value() {
    let host = host();
    let uses = |uses: &Value| json!({"value": VALUE, "uses": uses}).to_string();
    let table = [
        (format!("{{\"value\": {VALUE}"), 400, "invalid-json"),
        (format!("{{\"value\": \"{VALUE}"), 400, "invalid-json"),
        (format!("\"{VALUE}\""), 422, "invalid-secret"),
        (format!("{{\"{VALUE}\": 1}}"), 422, "invalid-secret"),
        (uses(&json!(VALUE)), 422, "invalid-secret"),
        (uses(&json!([])), 422, "invalid-secret"),
        (uses(&json!([{"workflow": "w"}])), 422, "invalid-secret"),
        (
            uses(&json!([{"workflow": VALUE, "verify": true}])),
            422,
            "invalid-secret",
        ),
        (
            uses(&json!([{"workflow": "w", "send_to": format!("https://{VALUE}@a.example")}])),
            422,
            "invalid-secret",
        ),
        (
            uses(&json!([{"workflow": "w", "send_to": "https://a.example/path"}])),
            422,
            "invalid-secret",
        ),
        (verify(&format!("{VALUE}\n")), 422, "invalid-secret"),
        (verify("short"), 422, "invalid-secret"),
        (
            json!({"value": format!("two words {VALUE}"), "uses": [
                {"workflow": "w", "send_to": "https://a.example"},
            ]})
            .to_string(),
            422,
            "invalid-secret",
        ),
        (verify(&VALUE.repeat(600)), 413, "body-too-large"),
    ];
    for (body, status, code) in table {
        let answer = put(&host, "s", &body).expect_problem(status, code);
        assert!(!answer.text().contains(VALUE), "{}", answer.text());
        assert!(!answer.text().contains("two words"), "{}", answer.text());
    }
    put(&host, "no%20name", verify(VALUE)).expect_problem(400, "invalid-secret-name");
    assert_eq!(readable(&host), []);
    assert!(!host.log().contains(VALUE));
}

#[test]
fn the_value_is_nowhere_to_be_found() {
    let keys = key_file(&[OLD]);
    let settings = ["--log", "trace", "--secret-key-file", path(&keys)];
    let mut host = Host::with(&settings);
    let mut said = vec![put(&host, "stripe-live", verify(VALUE)).expect(201).body];
    let set = [
        "secret",
        "set",
        "hook-secret",
        "--workflow",
        "w",
        "--verify",
    ];
    let outcome = Cli::of(&host).feed(OTHER.as_bytes(), &set);
    said.push([&outcome.stdout, outcome.stderr.as_str()].concat().into());
    outcome.ok();
    said.push(put(&host, "stripe-live", verify(VALUE)).expect(200).body);
    host.restart();
    assert_eq!(
        readable(&host),
        pairs(&[("hook-secret", true), ("stripe-live", true)])
    );
    for path in [
        "/v1/secrets",
        "/v1/secrets/stripe-live",
        "/metrics",
        "/v1/runs",
    ] {
        said.push(host.get(path).expect(200).body);
    }
    host.stop();
    for value in [VALUE, OTHER] {
        assert!(!said.iter().any(|body| contains(body, value)));
        assert!(!is_on_disk(&host.data_dir(), value));
        assert!(!host.log().contains(value));
    }
    // What is looked through is where the rest of it is.
    assert!(contains(&said[0], "stripe-live"));
    assert!(is_on_disk(&host.data_dir(), "stripe-live"));
    assert!(host.log().contains("stripe-live") && host.log().contains("DEBUG"));
    assert!(!host.log().contains(WARNING));
}

#[test]
fn with_another_key_it_is_shown_as_not_readable() {
    let keys = key_file(&[OLD]);
    let mut host = Host::with(&["--secret-key-file", path(&keys)]);
    put(&host, "a", verify(VALUE)).expect(201);
    put(&host, "b", verify(VALUE)).expect(201);
    fs::write(keys.path(), NEW).unwrap();
    host.restart();
    assert_eq!(readable(&host), pairs(&[("a", false), ("b", false)]));
    let log = host.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains(WARNING)).collect();
    assert!(
        matches!(warnings.as_slice(), [one] if one.contains("WARN") && one.contains("secrets=2")),
        "{warnings:?}"
    );
    let listed = Cli::of(&host).run(&["secret", "list"]).ok();
    assert!(listed.contains("the host has no key for it"), "{listed}");
    put(&host, "a", verify(VALUE)).expect(200);
    assert_eq!(readable(&host), pairs(&[("a", true), ("b", false)]));
}

#[test]
fn without_a_key_nothing_is_set_and_all_else_goes_on() {
    let keys = key_file(&[OLD]);
    let mut host = Host::with(&["--secret-key-file", path(&keys)]);
    put(&host, "a", verify(VALUE)).expect(201);
    host.kill();
    let host = host.resume_with(&[]);
    let problem = put(&host, "b", verify(VALUE)).expect_problem(409, "no-secret-key");
    let detail = problem.detail();
    assert!(
        detail.contains("openssl rand -base64 32 > FILE") && detail.contains("`secret-key-file`"),
        "{detail}"
    );
    assert_eq!(readable(&host), pairs(&[("a", false)]));
    assert!(host.log().contains(WARNING));
    host.get("/readyz").expect(200);
    host.request("DELETE", "/v1/secrets/a").send().expect(204);
}

#[test]
fn keys_rotate() {
    let keys = key_file(&[OLD]);
    let mut host = Host::with(&["--secret-key-file", path(&keys)]);
    put(&host, "before", verify(VALUE)).expect(201);
    fs::write(keys.path(), format!("{NEW}\n{OLD}\n")).unwrap();
    host.restart();
    put(&host, "after", verify(VALUE)).expect(201);
    assert_eq!(readable(&host), pairs(&[("after", true), ("before", true)]));
    assert!(!host.log().contains(WARNING));
    fs::write(keys.path(), NEW).unwrap();
    host.restart();
    assert_eq!(
        readable(&host),
        pairs(&[("after", true), ("before", false)])
    );
}

#[test]
fn the_command_line_sets_lists_and_deletes() {
    let host = host();
    let cli = Cli::of(&host);
    let set = [
        "secret",
        "set",
        "crm",
        "--workflow",
        "lead",
        "--workflow",
        "refund",
        "--verify",
        "--send-to",
        "https://crm.example:8443",
        "--send-to",
        "http://127.0.0.1:99",
    ];
    let line = format!("{VALUE}\n");
    assert_eq!(cli.feed(line.as_bytes(), &set).ok(), "crm is set\n");
    assert_eq!(cli.feed(line.as_bytes(), &set).ok(), "crm is replaced\n");
    let granted = |workflow: &str| {
        [
            json!({"workflow": workflow, "verify": true}),
            json!({"workflow": workflow, "send_to": "http://127.0.0.1:99"}),
            json!({"workflow": workflow, "send_to": "https://crm.example:8443"}),
        ]
    };
    let uses = json!([granted("lead"), granted("refund")].concat());
    let listed = cli.run(&["secret", "list", "--json"]).json();
    assert_eq!(listed["secrets"][0]["uses"], uses);
    let listed = cli.run(&["secret", "list"]).ok();
    assert_eq!(listed.lines().count(), 7, "{listed}");
    assert!(!listed.contains(VALUE));

    let json = cli.feed(OTHER.as_bytes(), &[&set[..], &["--json"]].concat());
    assert_eq!(json.json()["name"], "crm");
    let change = [
        "--workflow",
        "lead",
        "--send-to",
        "https://crm.example:8443",
    ];
    let denied = cli.run(&[&["secret", "deny", "crm", "--json"], &change[..]].concat());
    let kept = json!([&granted("lead")[..2], &granted("refund")].concat());
    assert_eq!(denied.json()["uses"], kept);
    let allowed = cli.run(&[&["secret", "allow", "crm", "--json"], &change[..]].concat());
    assert_eq!(allowed.json()["uses"], uses);
    let deleted = cli.run(&["secret", "delete", "crm"]).ok();
    assert_eq!(deleted, "crm is deleted\n");
    assert_eq!(readable(&host), []);
}

#[test]
fn the_command_line_says_what_is_wrong_without_the_value() {
    let host = host();
    let cli = Cli::of(&host);
    let fails = |input: &[u8], arguments: &[&str], code: i32, says: &str| {
        let outcome = cli.feed(input, &[&["secret"], arguments].concat());
        assert_eq!(outcome.code, code, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains(VALUE), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
    };
    let value = VALUE.as_bytes();
    let to_w = ["set", "s", "--workflow", "w"];
    let with = |more: &[&'static str]| [&to_w[..], more].concat();
    fails(value, &to_w, 2, "--send-to");
    fails(
        b"",
        &["allow", "s", "--workflow", "w", "--verify"],
        1,
        "unknown-secret",
    );
    fails(value, &["set", "s", "--verify"], 2, "--workflow");
    fails(b"short\n", &with(&["--verify"]), 2, "8 to 4096 bytes");
    fails(b"", &with(&["--verify"]), 2, "8 to 4096 bytes");
    fails(
        &VALUE.repeat(200).into_bytes(),
        &with(&["--verify"]),
        2,
        "has 5600",
    );
    fails(
        b"two lines\nof text",
        &with(&["--verify"]),
        2,
        "control characters",
    );
    fails(
        b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8",
        &with(&["--verify"]),
        2,
        "UTF-8",
    );
    fails(value, &with(&["--send-to", "a.example"]), 1, "`uses[0]`");
    fails(
        b"two words",
        &with(&["--send-to", "https://a.example"]),
        1,
        "no spaces",
    );
    fails(b"", &["delete", "s"], 1, "unknown-secret");
    fails(b"", &[], 2, "Usage");
    assert_eq!(readable(&host), []);
}

#[test]
fn the_api_token_guards_them() {
    let host = Host::with_token("s3cret", &[]);
    for (method, path) in [
        ("GET", "/v1/secrets"),
        ("GET", "/v1/secrets/s"),
        ("PUT", "/v1/secrets/s"),
        ("PATCH", "/v1/secrets/s"),
        ("DELETE", "/v1/secrets/s"),
    ] {
        request(method, format!("{}{path}", host.url()))
            .send()
            .expect_problem(401, "unauthorized");
    }
}
