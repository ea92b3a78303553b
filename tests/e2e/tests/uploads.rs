//! Uploads that are not workflows: each is refused, with what is wrong and what to do.

use dormouse_e2e::{Host, guest};
use serde_json::json;

use crate::components::{WORKFLOW, bomb, component, module};

/// Checks that an upload is refused, and that the reason names this.
#[track_caller]
fn refused(host: &Host, upload: &[u8], code: &str, names: &str) {
    let answer = host.upload("w", upload).expect_problem(422, code);
    assert!(answer.detail().contains(names), "{}", answer.detail());
    host.get("/v1/workflows/w").expect(404);
}

#[test]
fn a_file_that_is_not_wasm_is_refused() {
    let host = Host::start();
    refused(&host, b"fn main() {}", "not-wasm", "not WebAssembly");
    refused(&host, b"", "not-wasm", "not WebAssembly");
    let whole = guest("bare");
    refused(
        &host,
        &whole[..whole.len() / 2],
        "invalid-wasm",
        "whole file",
    );
}

#[test]
fn a_core_module_without_metadata_is_refused() {
    let host = Host::start();
    refused(
        &host,
        &wat::parse_str("(module)").unwrap(),
        "not-a-component",
        "core module",
    );
}

#[test]
fn a_core_module_with_metadata_is_wrapped() {
    let host = Host::start();
    let answer = host.upload("w", &module(WORKFLOW, &[])).expect(201).json();
    assert_eq!(answer["wrapped"], true);
    // It was made of a WIT text, and does nothing but trap.
    assert_eq!(host.start_run("w", &json!(null)).failure().0, "trap");
}

#[test]
fn a_component_without_run_is_refused() {
    let host = Host::start();
    refused(
        &host,
        &component("import dormouse:workflow/timers@0.1.0;", &[]),
        "missing-run",
        "`run`",
    );
}

#[test]
fn a_component_with_another_run_is_refused() {
    let host = Host::start();
    let other = component("export run: async func(input: string) -> string;", &[]);
    refused(&host, &other, "wrong-run-type", "`run`");
}

#[test]
fn a_component_that_imports_wasi_http_is_refused() {
    let host = Host::start();
    let wasi_http = "package wasi:http@0.2.3;\ninterface outgoing-handler { handle: func(); }";
    let items = format!("import wasi:http/outgoing-handler@0.2.3; {WORKFLOW}");
    refused(
        &host,
        &component(&items, &[wasi_http]),
        "unknown-import",
        "dormouse:workflow/http",
    );
}

#[test]
fn a_component_with_an_unknown_import_is_refused() {
    let host = Host::start();
    let queue = "package acme:queue@1.0.0;\ninterface sender { send: func(); }";
    let items = format!("import acme:queue/sender@1.0.0; {WORKFLOW}");
    refused(
        &host,
        &component(&items, &[queue]),
        "unknown-import",
        "`acme:queue/sender@1.0.0`",
    );

    let clocks = "package wasi:clocks@0.3.0;\ninterface system-clock { now: func() -> u64; }";
    let items = format!("import wasi:clocks/system-clock@0.3.0; {WORKFLOW}");
    refused(
        &host,
        &component(&items, &[clocks]),
        "unknown-import",
        "wasi:clocks/system-clock@0.3.0",
    );
}

#[test]
fn a_component_over_the_limit_is_413() {
    let host = Host::with(&["--component-limit", "10KiB"]);
    let answer = host
        .upload("w", &guest("script"))
        .expect_problem(413, "body-too-large");
    assert!(
        answer.detail().contains("`component-limit`"),
        "{}",
        answer.detail()
    );
}

#[test]
fn a_component_that_takes_too_long_to_compile_is_refused_and_others_are_not_held_up() {
    let host = Host::with(&["--compile-time-limit", "5s"]);
    std::thread::scope(|scope| {
        let refused = scope.spawn(|| host.upload("w", &bomb()).expect_problem(422, "too-complex"));
        // It is made of a WIT text, and takes next to no time.
        host.upload("other", &module(WORKFLOW, &[])).expect(201);
        let detail = refused.join().unwrap().detail();
        assert!(detail.contains("`compile-time-limit`"), "{detail}");
    });
}

#[test]
fn a_refused_upload_changes_nothing() {
    let host = Host::start();
    let version = host.deploy("w", "bare");
    host.upload("w", b"nonsense").expect(422);
    assert_eq!(host.get("/v1/workflows/w").json()["version"], version);
}

#[test]
fn an_invalid_name_is_400() {
    let host = Host::start();
    for name in ["Upper", "a%20b", "%C3%BC", &"a".repeat(65)] {
        let answer = host
            .upload(name, &guest("bare"))
            .expect_problem(400, "invalid-workflow-name");
        assert!(answer.detail().contains("a-z"), "{}", answer.detail());
    }
}
