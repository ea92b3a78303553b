//! Attacks over the network or with files on the disk: forged, spliced, injected and changed data. Egress, tokens,
//! access and the forms of requests have files of their own. The tests here combine several of them.

use dormouse_e2e::{Answer, Host, Service, body, post, raw};
use serde_json::{Value, json};

use crate::forms::waits_after_go;
use crate::stored::{change_code, swap_code};

/// Returns every operation of the API, as the host describes itself, with something for each part of a path.
fn operations(host: &Host) -> Vec<(String, String)> {
    let document = host.get("/openapi.json").expect(200).json();
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        let path: Vec<&str> = path
            .split('/')
            .map(|part| if part.starts_with('{') { "a" } else { part })
            .collect();
        let methods = methods.as_object().unwrap().keys();
        methods.map(move |method| (method.to_uppercase(), path.join("/")))
    });
    // A webhook's URL is its own key. The others tell nothing, and load balancers have no token.
    let is_open = |path: &str| {
        path.starts_with("/hooks/") || matches!(path, "/healthz" | "/readyz" | "/openapi.json")
    };
    let guarded: Vec<_> = operations.filter(|(_, path)| !is_open(path)).collect();
    assert!(guarded.len() > 15, "{guarded:?}");
    guarded
}

fn send(host: &Host, method: &str, path: &str, header_lines: &[&str]) -> Answer {
    let mut connection = raw::Connection::to(&host.url());
    let lines: String = header_lines
        .iter()
        .map(|line| format!("{line}\r\n"))
        .collect();
    connection.send(format!(
        "{method} {path} HTTP/1.1\r\n{lines}Content-Length: 0\r\n\r\n"
    ));
    connection.answer()
}

#[test]
fn every_operation_is_closed_to_web_pages_and_to_names_that_were_rebound() {
    let host = Host::start();
    let own = format!("Host: {}", host.authority());
    for (method, path) in operations(&host) {
        for lines in [
            &["Host: evil.example"][..],
            &[&own, "Origin: http://evil.example"],
            &["Host: evil.example", "Origin: http://evil.example"],
            &[&own, "Host: evil.example"],
            &[
                &own,
                "Origin: http://evil.example",
                &format!("Origin: {}", host.url()),
            ],
            &[&own, "Sec-Fetch-Site: cross-site"],
            &[&own, "Sec-Fetch-Site: same-site"],
            &[],
        ] {
            let status = send(&host, &method, &path, lines).status;
            assert!(
                matches!(status, 400 | 403),
                "{method} {path} {lines:?}: {status}"
            );
        }
        let preflight = send(
            &host,
            "OPTIONS",
            &path,
            &[
                &own,
                "Origin: http://evil.example",
                "Access-Control-Request-Method: PUT",
            ],
        );
        assert!(preflight.status >= 400, "{path}: {}", preflight.status);
        assert_eq!(preflight.header("access-control-allow-origin"), None);
    }
}

#[test]
fn every_operation_wants_the_token_however_its_path_is_written() {
    let host = Host::with_token("s3cret", &[]);
    let own = format!("Host: {}", host.authority());
    let refused = |method: &str, path: &str, lines: &[&str]| {
        let status = send(&host, method, path, lines).status;
        // A path that nobody serves is not found only by whoever may look.
        assert!(
            matches!(status, 400 | 401),
            "{method} {path} {lines:?}: {status}"
        );
    };
    let page = "Sec-Fetch-Site: cross-site";
    for (method, path) in operations(&host) {
        let lines = [&own, "Authorization: Bearer s3cret", page];
        send(&host, &method, &path, &lines).expect_problem(403, "cross-site");
        refused(&method, &path, &[&own]);
        refused(&method, &path, &[&own, "Authorization: Bearer s3cret2"]);
        refused(
            &method,
            &path,
            &[
                &own,
                "Authorization: Bearer wrong",
                "Authorization: Bearer s3cret",
            ],
        );
    }
    for path in [
        "//v1/runs",
        "/V1/runs",
        "/%76%31/runs",
        "/v1//runs",
        "/v1/runs/",
        "/healthz/../v1/runs",
        "/healthz/%2e%2e/v1/runs",
        "/openapi.json/../metrics",
        "/hooks/../v1/runs",
        "/v1/runs?/healthz",
        "http://localhost/v1/runs",
    ] {
        let status = send(&host, "GET", path, &[&own]).status;
        // What looks like a webhook's URL is one, and unknown.
        assert!(matches!(status, 400 | 401 | 404), "{path}: {status}");
    }
}

#[test]
fn parts_of_two_tokens_do_not_make_a_token() {
    let host = Host::start();
    let runs = [0, 1].map(|_| host.script(&waits_after_go(1)));
    let hooks = [runs[0].hook("a"), runs[1].hook("a")];
    let [(base, one), (_, other)] =
        [0, 1].map(|which: usize| hooks[which].rsplit_once('/').unwrap());
    for place in 1..one.len() {
        let spliced = format!("{}{}", &one[..place], &other[place..]);
        if spliced != one && spliced != other {
            let answer = post(format!("{base}/{spliced}"), "");
            assert_eq!(answer.status, 404, "{spliced} of {one} and {other}");
        }
    }
    for run in &runs {
        assert_eq!(run.queued(), 0);
    }
}

#[test]
fn a_guest_cannot_choose_the_host_or_write_a_request_of_its_own() {
    let service = Service::answering(&[200; 8]);
    let host = Host::start();
    let url = service.url();
    let injected = "a\r\nX-Injected: yes\r\n\r\nGET /second HTTP/1.1\r\nHost: x";
    let call = |method: &str, target: &str, headers: &Value| json!({"call": {"method": method, "url": format!("{url}{target}"), "headers": headers, "attempts": 1}});
    let refused = [
        call("GET", "/", &json!([["Host", "internal.example"]])),
        call("GET", "/", &json!([["Content-Length", "3"]])),
        call("POST", "/", &json!([["Transfer-Encoding", "chunked"]])),
        call(
            "GET",
            "/",
            &json!([["Connection", "upgrade"], ["Upgrade", "h2c"]]),
        ),
        call("GET", "/", &json!([["X-Value", injected]])),
        call("GET", "/", &json!([[injected, "value"]])),
        call("GET / HTTP/1.1\r\nX-Injected: yes\r\n\r\n", "/", &json!([])),
        call("CONNECT", "/", &json!([])),
    ];
    let count = refused.len();
    let output = host.script(&json!({"join": refused})).output();
    assert_eq!(
        output,
        Value::from(vec![json!({"error": "invalid"}); count])
    );
    assert_eq!(service.requests().len(), 0);

    // A URL is sent as it is written, so one that cannot be is not sent.
    let target = format!("/{injected}?q=\r\nX-Injected: yes");
    let output = host.script(&call("GET", &target, &json!([]))).output();
    assert_eq!(output, json!({"error": "invalid"}));
    assert_eq!(service.requests().len(), 0);
}

/// Returns a run of this workflow that waits, on a host that is then dead.
fn waiting(host: &Host, workflow: &str) -> (dormouse_e2e::Run, String) {
    let run = host.start_run(workflow, &json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    run.wait_for_status("suspended");
    let hook = run.webhooks()["webhooks"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    (run, hook)
}

#[test]
fn compiled_code_that_was_changed_is_not_taken_and_the_run_goes_on() {
    let mut host = Host::start();
    let version = host.deploy("script", "script");
    let (run, hook) = waiting(&host, "script");
    host.kill();
    change_code(&host, &version);
    host.resume();
    post(&hook, "to changed code").expect(202);
    assert_eq!(body(&run.output()[1]), "to changed code");
    assert_eq!(compiled_anew(&host, &version), 1);

    host.restart();
    host.start_run("script", &json!({"now": true})).output();
    assert_eq!(
        compiled_anew(&host, &version),
        1,
        "what was compiled is kept"
    );
}

#[test]
fn compiled_code_of_another_component_is_not_taken() {
    let mut host = Host::start();
    let versions = [host.deploy("script", "script"), host.deploy("bare", "bare")];
    let (run, hook) = waiting(&host, "script");
    host.kill();
    swap_code(&host, &versions[0], &versions[1]);
    host.resume();
    post(&hook, "to other code").expect(202);
    assert_eq!(body(&run.output()[1]), "to other code");
    host.start_run("bare", &Value::Null).hook("bare");
    for version in &versions {
        assert_eq!(compiled_anew(&host, version), 1);
    }
}

/// Returns how often the log says that the stored code of this version could not be used and was compiled again.
fn compiled_anew(host: &Host, version: &str) -> usize {
    let log = host.log();
    let lines = log.lines().filter(|line| {
        line.contains("stored code of a component cannot be used")
            && line.contains(version)
            && line.contains("seal")
    });
    lines.count()
}
