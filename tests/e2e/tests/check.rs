//! New code that is checked against the existing runs before it is deployed.

use dormouse_e2e::{Cli, Host, guest};
use serde_json::{Value, json};

/// The same program as another version: with a custom section at its end.
fn another() -> Vec<u8> {
    let mut component = guest("script");
    component.extend([0, 3, 1, b'x', 7]);
    component
}

#[test]
fn a_component_is_checked_against_runs_and_not_deployed() {
    let host = Host::start();
    let version = host.deploy("script", "script");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), another()).unwrap();
    let path = file.path().to_str().unwrap();
    let sleeps = host.start_run("script", &json!({"sleep": 60_000_000}));
    sleeps.wait_for_status("suspended");
    host.start_run("script", &json!({"step": "s", "value": 1}))
        .output();
    let cli = Cli::of(&host);
    let agreed = cli.run(&["deploy", "--check", "script", path]);
    assert_eq!(agreed.code, 0, "{}", agreed.stderr);
    assert_eq!(agreed.stdout, "1 run could go on, 0 could not\n");

    let differs = host.start_run(
        "script",
        &json!({"version": {version.as_str(): {"sleep": 60_000_000}}, "else": {"sleep": 60_000_001}}),
    );
    differs.wait_for_status("suspended");
    let checked = cli.run(&["deploy", "--check", "script", path]);
    assert_eq!(checked.code, 1, "{}", checked.stdout);
    assert_eq!(checked.stdout, "1 run could go on, 1 could not\n");
    assert!(checked.stderr.contains(differs.id()), "{}", checked.stderr);
    assert!(checked.stderr.contains("(differs)"), "{}", checked.stderr);
    let shown = host.get("/v1/workflows/script").expect(200).json();
    assert_eq!(shown["versions"].as_array().unwrap().len(), 1);
    for run in [&sleeps, &differs] {
        assert_eq!(run.show()["tries"], Value::Null);
        assert_eq!(run.status(), "suspended");
    }
    host.post("/v1/workflows/none/check", another())
        .expect_problem(404, "unknown-workflow");
    host.post("/v1/workflows/script/check", "no wasm")
        .expect_problem(422, "not-wasm");
}
