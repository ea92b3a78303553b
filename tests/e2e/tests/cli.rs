//! The command line with a real host: the output for people, the output for programs, and the exit
//! codes.

use std::thread;

use dormouse_e2e::{Cli, Host, guest_file, post, wait_until};
use serde_json::{Value, json};

const WAITING: &str =
    r#"{"seq": [{"log": "made a webhook"}, {"webhook": "a"}, {"wait": "a"}, {"event": "go"}]}"#;

/// Returns a host with the scripted guest, deployed by command.
fn host() -> (Host, Cli) {
    let host = Host::start();
    let cli = Cli::of(&host);
    let deployed = cli
        .run(&["deploy", "script", guest_file("script").to_str().unwrap()])
        .ok();
    assert!(deployed.contains("script is now version"), "{deployed}");
    (host, cli)
}

#[track_caller]
fn started(cli: &Cli, script: &str) -> String {
    cli.run(&["start", "script", "--input", script])
        .ok()
        .trim()
        .to_owned()
}

#[test]
fn a_run_from_its_start_to_its_output() {
    let (host, cli) = host();
    let run = started(&cli, WAITING);
    host.run(&run).wait_for_steps(&["a"]);
    let hook = host.run(&run).hook("a");

    let contains = |arguments: &[&str], expected: &[&str]| {
        let said = cli.run(arguments).ok();
        for text in expected {
            assert!(
                said.contains(text),
                "{arguments:?}: {text:?} is not in\n{said}"
            );
        }
    };
    contains(&["workflows"], &["script"]);
    contains(&["runs"], &[&run, "suspended"]);
    contains(
        &["runs", "--status", "suspended", "--workflow", "script"],
        &[&run],
    );
    contains(&["show", &run], &["suspended", "wait-for-webhook"]);
    contains(&["webhooks", &run], &[&hook]);
    contains(&["logs", &run], &["made a webhook"]);
    contains(&["journal", &run], &["create-webhook", "wait-for-webhook"]);

    post(&hook, "hello").expect(202);
    host.run(&run).wait_for_steps(&["go"]);
    contains(
        &["notify", "go", "--run", &run, "--data", "{\"n\": 1}"],
        &[&run],
    );
    host.run(&run).output();
    contains(&["show", &run], &["completed"]);
    contains(&["webhooks", &run], &["closed"]);
    contains(&["--json", "show", &run], &["\"status\":\"completed\""]);
    let output: Value = serde_json::from_str(&cli.run(&["output", &run]).ok()).unwrap();
    assert_eq!(output, host.run(&run).output());
}

#[test]
fn start_wait_follows_a_run_through_a_restart_of_the_host() {
    let (mut host, cli) = host();
    thread::scope(|scope| {
        let followed = scope.spawn(|| {
            let script = r#"{"seq": [{"webhook": "a"}, {"wait": "a"}, {"step": "s", "value": 7}]}"#;
            cli.run(&["start", "script", "--input", script, "--wait"])
        });
        let run = wait_until("the run", || {
            let page = host.get("/v1/runs").json();
            Some(host.run(page["runs"][0]["id"].as_str()?))
        });
        run.wait_for_steps(&["a"]);
        host.restart();
        post(run.hook("a"), "").expect(202);
        let outcome = followed.join().unwrap();
        assert_eq!(outcome.json(), run.output());
    });
}

#[test]
fn start_until_suspended_shows_the_webhooks() {
    let (host, cli) = host();
    let start = ["start", "script", "--input", WAITING, "--until-suspended"];
    let outcome = cli.run(&start);
    let run = host.run(outcome.stdout.trim());
    assert_eq!(run.show()["status"], "suspended");
    let url = run.hook("a");
    assert!(outcome.stderr.contains(&url), "{}", outcome.stderr);
    let shown = cli.run(&[&start[..], &["--json"]].concat()).json();
    let run = host.run(shown["id"].as_str().unwrap());
    assert_eq!(
        (&shown["status"], &shown["webhooks"]),
        (&json!("suspended"), &run.webhooks()["webhooks"])
    );
    // One that fails before it sleeps is no success.
    let trap = r#"{"trap": "no flour left"}"#;
    let outcome = cli.run(&["start", "script", "--input", trap, "--until-suspended"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
}

#[test]
fn start_wait_says_how_a_run_failed() {
    let (_host, cli) = host();
    let outcome = cli.run(&[
        "start",
        "script",
        "--input",
        r#"{"trap": "no flour left"}"#,
        "--wait",
    ]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert!(
        outcome.stderr.contains("no flour left"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn every_command_speaks_json() {
    let (host, cli) = host();
    let file = guest_file("script");
    let deployed = cli
        .run(&["deploy", "script", file.to_str().unwrap(), "--json"])
        .json();
    assert_eq!(deployed["name"], "script");
    let started = cli
        .run(&["start", "script", "--input", WAITING, "--json"])
        .json();
    let run = started["id"].as_str().unwrap();
    host.run(run).wait_for_steps(&["a"]);

    let json = |arguments: &[&str]| cli.run(&[arguments, &["--json"]].concat()).json();
    assert_eq!(json(&["workflows"])["workflows"][0]["name"], "script");
    assert_eq!(json(&["runs"])["runs"][0]["id"], run);
    assert_eq!(json(&["runs", "--all"])["runs"][0]["id"], run);
    assert_eq!(json(&["show", run])["status"], "suspended");
    assert_eq!(json(&["webhooks", run])["webhooks"][0]["step"], "a");
    assert_eq!(
        json(&["logs", run])["lines"][0]["message"],
        "made a webhook"
    );
    assert_eq!(
        json(&["journal", run])["activations"][0]["operations"][0]["kind"],
        "create-webhook"
    );
    assert_eq!(
        json(&["notify", "nobody-waits", "--data", "1"])["runs"],
        json!([])
    );
    assert_eq!(json(&["notify", "go", "--run", run])["run"], run);
    assert_eq!(json(&["cancel", run])["status"], "cancelled");

    let short = r#"{"step": "s", "value": [1]}"#;
    let waited = json(&["start", "script", "--input", short, "--wait"]);
    assert_eq!(
        (&waited["status"], &waited["output"]),
        (&json!("completed"), &json!([1]))
    );
    assert_eq!(
        json(&["output", waited["id"].as_str().unwrap()]),
        json!([1])
    );
}

#[test]
fn notify_without_a_run_says_whom_it_reached() {
    let (host, cli) = host();
    let run = started(&cli, r#"{"event": "price"}"#);
    host.run(&run).wait_for_steps(&["price"]);
    assert_eq!(
        cli.run(&["notify", "price", "--data", "42"]).ok().trim(),
        run
    );
    assert_eq!(dormouse_e2e::json_body(&host.run(&run).output()), 42);
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let (host, cli) = host();
    let run = started(&cli, WAITING);
    cli.run(&["cancel", &run]).ok();
    cli.run(&["cancel", &run]).ok();
    let fails = |arguments: &[&str], code: i32, says: &str| {
        let outcome = cli.run(arguments);
        assert_eq!(outcome.code, code, "{arguments:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(says),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.stdout, "", "{arguments:?}");
    };
    let unknown = "01890000-0000-7000-8000-000000000000";
    fails(&["show", unknown], 1, "unknown-run");
    fails(&["resume", &run], 1, "not-blocked");
    fails(&["output", &run], 1, "no-output");
    fails(&["start", "none"], 1, "unknown-workflow");
    fails(
        &["start", "script", "--input", "{\"seq\":"],
        2,
        "--input is not JSON",
    );
    fails(
        &["deploy", "script", "/no/such/file.wasm"],
        2,
        "/no/such/file.wasm",
    );
    fails(
        &[
            "deploy",
            "script",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ],
        1,
        "/Cargo.toml: this is not WebAssembly",
    );
    fails(&["start"], 2, "WORKFLOW");
    fails(
        &["runs", "--server", "http://127.0.0.1:9"],
        3,
        "http://127.0.0.1:9",
    );
    fails(&["runs", "--limit", "many"], 2, "--limit");
    host.get("/readyz").expect(200);
}

#[test]
fn a_token_comes_from_the_environment_or_a_file() {
    let host = Host::with_token("s3cret", &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let without = Cli::of(&host).run(&["runs"]);
    assert_eq!(without.code, 1);
    assert!(without.stderr.contains("token"), "{}", without.stderr);
    Cli::of(&host)
        .run(&["runs", "--api-token-file", file.to_str().unwrap()])
        .ok();
    Cli::of(&host)
        .variable("DORMOUSE_API_TOKEN", "s3cret")
        .run(&["runs"])
        .ok();
    let wrong = Cli::of(&host)
        .variable("DORMOUSE_API_TOKEN", "wrong")
        .run(&["runs"]);
    assert_eq!(wrong.code, 1);
}

#[test]
fn help_lists_every_command() {
    let (_host, cli) = host();
    let help = cli.run(&["--help"]).ok();
    for command in [
        "serve",
        "deploy",
        "workflows",
        "start",
        "runs",
        "show",
        "output",
        "journal",
        "logs",
        "webhooks",
        "notify",
        "secret",
        "cancel",
        "resume",
    ] {
        assert!(
            help.contains(&format!("  {command} ")),
            "{command} is not in\n{help}"
        );
        cli.run(&[command, "--help"]).ok();
    }
}

#[test]
fn errors_are_json_where_results_are() {
    let (_host, cli) = host();
    let fails = |arguments: &[&str], code: i32, says: &str| {
        let outcome = cli.run(arguments);
        assert_eq!(outcome.code, code, "{}", outcome.stderr);
        let error: Value = serde_json::from_str(&outcome.stderr).unwrap();
        assert_eq!(error["code"], says, "{error}");
        assert!(!error["detail"].as_str().unwrap().is_empty());
    };
    fails(
        &["show", "00000000-0000-7000-8000-000000000000", "--json"],
        1,
        "unknown-run",
    );
    fails(
        &["--json", "workflows", "show", "nobody"],
        1,
        "unknown-workflow",
    );
    fails(&["start", "script", "--jsn", "--json"], 2, "usage");
    fails(
        &["--json", "--server", "http://127.0.0.1:1", "runs"],
        3,
        "unreachable",
    );
}

#[test]
fn a_version_is_named_by_its_beginning() {
    let (host, cli) = host();
    let workflow = host.get("/v1/workflows/script").expect(200).json();
    let version = workflow["version"].as_str().unwrap();
    let arguments = ["start", "script", "--input", r#"{"log": "x"}"#, "--version"];
    let start = |version: &str| cli.run(&[&arguments[..], &[version]].concat());
    let run = start(&version[..12]).ok();
    assert_eq!(host.run(run.trim()).show()["version"], version);
    let refused = start("zz");
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("no version that begins with"),
        "{}",
        refused.stderr
    );
}
