//! Testing the API from its own OpenAPI document: Schemathesis makes requests up, right and wrong ones, and holds what is
//! answered against what the document says. What it cannot learn from the document is in `tests/schemathesis/hooks.py`.

use std::fs;
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::json;

use crate::client::Client;
use crate::command;
use crate::environment;
use crate::host::Host;
use crate::test;
use crate::workspace::Workspace;

/// Both decide what a seed makes.
const PACKAGES: [&str; 2] = ["schemathesis==4.32.5", "hypothesis==6.170.15"];

const TOKEN: &str = "a-token-for-one-test";

/// What the secrets of one test are sealed with.
const SECRET_KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

const WORKFLOW: &str = "script";

/// What a document can promise, and has to keep. Whether a request is refused that the document calls wrong is not among
/// them: it cannot say all that makes a body a workflow or an input.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method";

/// Builds what is needed, lets Schemathesis make up so many requests for each operation, and fails at a wrong answer.
pub(crate) fn api_test(workspace: &Workspace, examples: u32, seed: u64) -> anyhow::Result<()> {
    test::build(workspace)?;
    let programs = environment::install(workspace, "schemathesis-venv", &PACKAGES)?;
    let folder = tempfile::tempdir().context("cannot create a folder for the host's data")?;
    let mut host = Host::new(workspace.tested_host(), folder.path())?
        .variable("DORMOUSE_API_TOKEN", TOKEN)
        .variable("DORMOUSE_SECRET_KEY", SECRET_KEY)
        // Most runs here never end.
        .argument("--max-wait=100ms");
    let mut schemathesis = Command::new(programs.join("schemathesis"));
    // It leaves a folder of its own where it runs.
    schemathesis.current_dir(folder.path());
    let outcome = check(workspace, &mut host, &mut schemathesis, examples, seed);
    if outcome.is_err() {
        eprintln!("\nwhat the host logged:\n{}", host.log());
    }
    outcome
}

fn check(
    workspace: &Workspace,
    host: &mut Host,
    schemathesis: &mut Command,
    examples: u32,
    seed: u64,
) -> anyhow::Result<()> {
    host.start()?;
    let runs = start_runs(workspace, &Client::new(host.url(), Some(TOKEN.to_owned())))?;
    schemathesis
        .env(
            "SCHEMATHESIS_HOOKS",
            workspace.root().join("tests/schemathesis/hooks.py"),
        )
        .env("API_TEST_COMPONENT", workspace.guest(WORKFLOW))
        .env("API_TEST_RUNS", runs.join(","))
        .env("API_TEST_WORKFLOW", WORKFLOW)
        .args([
            "run",
            "--no-color",
            "--phases=coverage,fuzzing",
            "--checks",
            CHECKS,
        ])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--warnings=off", "--generation-database=none"])
        .args(["--continue-on-failure", "--suppress-health-check=all"])
        .args(["--max-examples", &examples.to_string()])
        .args(["--seed", &seed.to_string()])
        .arg(format!("{}/openapi.json", host.url()));
    command::run(schemathesis).context("the API does not do what its document says")?;
    if host.is_ready()?.is_none() {
        bail!("the host takes no more requests");
    }
    Ok(())
}

/// Runs that have completed, failed, and that wait, with a webhook.
fn start_runs(workspace: &Workspace, client: &Client) -> anyhow::Result<Vec<String>> {
    let component = workspace.guest(WORKFLOW);
    let component =
        fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
    client.deploy(WORKFLOW, &component)?;
    let scripts = [
        json!({"seq": [{"step": "s", "value": [1.5, "a"]}, {"log": "done"}]}),
        json!({"trap": "on purpose"}),
        json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}),
        json!({"race": [{"event": "e"}, {"sleep": 3_600_000}]}),
    ];
    let runs = scripts.iter().map(|script| client.start(WORKFLOW, script));
    runs.collect()
}
