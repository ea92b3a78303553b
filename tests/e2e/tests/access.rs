//! Access to the API.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dormouse_e2e::{Answer, Host, post, raw, refuse_to_start, request};
use serde_json::json;

use crate::forms::waits_after_go;

#[test]
fn with_a_token_the_api_wants_it() {
    let host = Host::with_token("s3cret", &[]);
    let url = host.url();
    let with = |authorization: &str| {
        request("GET", format!("{url}/v1/runs"))
            .header("authorization", authorization)
            .send()
    };
    with("Bearer s3cret").expect(200);
    for wrong in [
        "Bearer s3cre",
        "Bearer s3crets",
        "Bearer ",
        "Bearer",
        "Basic s3cret",
        "s3cret",
    ] {
        with(wrong).expect_problem(401, "unauthorized");
    }
    for (method, path) in [
        ("GET", "/v1/runs"),
        ("PUT", "/v1/workflows/w"),
        ("POST", "/v1/events/e"),
        ("GET", "/v1/nothing"),
        ("GET", "/metrics"),
    ] {
        let answer = request(method, format!("{url}{path}"))
            .send()
            .expect_problem(401, "unauthorized");
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .starts_with("Bearer")
        );
    }
    request("GET", format!("{url}/healthz")).send().expect(200);
    request("GET", format!("{url}/readyz")).send().expect(200);
}

#[test]
fn a_webhooks_url_is_its_own_capability() {
    let host = Host::with_token("s3cret", &[]);
    let hook = host.script(&waits_after_go(1)).hook("a");
    post(&hook, "").expect(202);
}

#[test]
fn a_token_comes_from_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "from-a-file\n").unwrap();
    close_to_others(&file);
    let host = Host::with(&["--api-token-file", file.to_str().unwrap()]);
    host.get("/v1/runs").expect(401);
    host.request("GET", "/v1/runs")
        .header("authorization", "Bearer from-a-file")
        .send()
        .expect(200);
}

fn get_as(host: &Host, path: &str, headers: &[&str]) -> Answer {
    let mut connection = raw::Connection::to(&host.url());
    let headers: String = headers
        .iter()
        .map(|header| format!("{header}\r\n"))
        .collect();
    connection.send(format!("GET {path} HTTP/1.1\r\n{headers}\r\n"));
    connection.answer()
}

#[test]
fn without_a_token_the_api_answers_this_machine_only() {
    let host = Host::start();
    let port = host.authority().rsplit_once(':').unwrap().1.to_owned();
    for name in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.1.2.3"] {
        get_as(&host, "/v1/runs", &[&format!("Host: {name}:{port}")]).expect(200);
        get_as(&host, "/v1/runs", &[&format!("Host: {name}")]).expect(200);
    }
    for name in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "0.0.0.0",
    ] {
        get_as(&host, "/v1/runs", &[&format!("Host: {name}")]).expect_problem(403, "forbidden");
    }
    get_as(&host, "/v1/runs", &["Host: "]).expect_problem(400, "invalid-host");
}

#[test]
fn without_a_token_the_api_answers_no_foreign_page() {
    let host = Host::start();
    let own = format!("Host: {}", host.authority());
    get_as(
        &host,
        "/v1/runs",
        &[&own, &format!("Origin: http://{}", host.authority())],
    )
    .expect(200);
    for origin in [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "https://localhost",
    ] {
        let answer = get_as(&host, "/v1/runs", &[&own, &format!("Origin: {origin}")]);
        answer.expect_problem(403, "cross-site");
    }
    for site in ["cross-site", "same-site"] {
        let answer = get_as(
            &host,
            "/v1/backup",
            &[&own, &format!("Sec-Fetch-Site: {site}")],
        );
        answer.expect_problem(403, "cross-site");
    }
    for site in ["same-origin", "none"] {
        get_as(
            &host,
            "/v1/runs",
            &[&own, &format!("Sec-Fetch-Site: {site}")],
        )
        .expect(200);
    }
    let evil = host
        .request("POST", "/v1/events/e")
        .header("origin", "http://evil.example");
    evil.send().expect_problem(403, "cross-site");
}

#[test]
fn with_a_token_names_do_not_matter_and_pages_do() {
    let public = ["--public-url", "https://hooks.example/base"];
    let host = Host::with_token("s3cret", &public);
    let get = |more: &[&str]| {
        let headers = ["Host: any.example", "Authorization: Bearer s3cret"];
        get_as(&host, "/v1/runs", &[&headers, more].concat())
    };
    get(&[]).expect(200);
    get(&["Origin: http://any.example"]).expect(200);
    get(&["Origin: https://hooks.example"]).expect(200);
    get(&["Origin: http://page.example"]).expect_problem(403, "cross-site");
    get(&["Sec-Fetch-Site: cross-site"]).expect_problem(403, "cross-site");
}

#[test]
fn webhooks_are_called_by_whatever_name() {
    let host = Host::with(&["--public-url", "https://hooks.example"]);
    let run = host.script(&json!({"seq": [
        {"webhook": "a", "options": {"methods": ["GET"]}}, {"wait": "a"},
    ]}));
    let hook = run.hook("a");
    let path = hook.strip_prefix("https://hooks.example").unwrap();
    get_as(
        &host,
        path,
        &[
            "Host: hooks.example",
            "Origin: https://page.example",
            "Sec-Fetch-Site: cross-site",
        ],
    )
    .expect(202);
    run.output();
}

#[test]
fn a_listener_that_others_reach_wants_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for address in ["0.0.0.0:0", "[::]:0"] {
        let said = refuse_to_start(&data, &["--listen", address]);
        assert!(
            said.contains("--api-token-file") && said.contains(address),
            "{said}"
        );
    }
    let missing = folder.path().join("missing");
    let file = missing.to_str().unwrap();
    let said = refuse_to_start(&data, &["--listen", "0.0.0.0:0", "--api-token-file", file]);
    assert!(said.contains(file), "{said}");
    std::fs::write(&missing, "\n").unwrap();
    close_to_others(&missing);
    let said = refuse_to_start(
        &data,
        &["--listen", "127.0.0.1:0", "--api-token-file", file],
    );
    assert!(said.contains("empty"), "{said}");
}

#[test]
fn the_data_is_its_owners_alone() {
    let host = Host::start();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&host.data_dir()), 0o700);
    for file in std::fs::read_dir(host.data_dir()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

fn close_to_others(file: &std::path::Path) {
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(file, permissions).unwrap();
}
