//! Tests the API from its own OpenAPI document. Schemathesis generates valid and invalid requests, and compares the
//! answers with the document. `tests/schemathesis/hooks.py` has the facts that the document cannot tell.

use std::fs;
use std::process::Command;

use anyhow::Context;
use dormouse_harness::{HostProcess, Probe};
use serde_json::json;

use crate::client::Client;
use crate::command;
use crate::environment;
use crate::pause::wait_until;
use crate::test;
use crate::workspace::Workspace;

/// The versions of both packages decide which requests a seed generates.
const PACKAGES: [&str; 2] = ["schemathesis==4.32.5", "hypothesis==6.170.15"];

const TOKEN: &str = "a-token-for-one-test";

/// The key that seals the secrets of one test.
const SECRET_KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// Most runs here never end, so the host must not hold an answer for long.
const SETTINGS: [&str; 1] = ["--max-wait=100ms"];

/// The deployed workflows. Both are the guest that has the name of the first.
const WORKFLOWS: [&str; 2] = ["script", "deleted"];

/// The number of runs that requests may cancel.
const ENDED: usize = 4;

/// The checks of what a document can promise. The check that the host refuses every request that the document calls
/// wrong is not among them: the document cannot say all that makes a body a workflow or an input.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method";

/// Builds the programs and guests, lets Schemathesis generate this many requests for each operation, and fails if an
/// answer is wrong.
pub(crate) fn api_test(workspace: &Workspace, examples: u32, seed: u64) -> anyhow::Result<()> {
    test::build(workspace)?;
    let programs = environment::install(workspace, "schemathesis-venv", &PACKAGES)?;
    let mut host = HostProcess::new(workspace.tested_host())?
        .with_variable("DORMOUSE_API_TOKEN", TOKEN)
        .with_variable("DORMOUSE_SECRET_KEY", SECRET_KEY);
    let folder = tempfile::tempdir().context("cannot create a folder for Schemathesis")?;
    let mut schemathesis = Command::new(programs.join("schemathesis"));
    // Schemathesis leaves a folder in its working directory.
    schemathesis.current_dir(folder.path());
    let outcome = check(workspace, &mut host, &mut schemathesis, examples, seed);
    if outcome.is_err() {
        eprintln!("\nwhat the host logged:\n{}", host.log());
    }
    outcome
}

fn check(
    workspace: &Workspace,
    host: &mut HostProcess,
    schemathesis: &mut Command,
    examples: u32,
    seed: u64,
) -> anyhow::Result<()> {
    host.start(&SETTINGS, Probe::Readiness)?;
    let there = Subjects::make(workspace, &Client::new(host.url(), Some(TOKEN.to_owned())))?;
    schemathesis
        .env(
            "SCHEMATHESIS_HOOKS",
            workspace.root().join("tests/schemathesis/hooks.py"),
        )
        .env("API_TEST_COMPONENT", workspace.guest(WORKFLOWS[0]))
        .env("API_TEST_WORKFLOWS", WORKFLOWS.join(","))
        .env("API_TEST_RUNS", there.runs.join(","))
        .env("API_TEST_ENDED_RUNS", there.ended.join(","))
        .env("API_TEST_TOKENS", there.tokens.join(","))
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
        // These answers have any bytes that a start or a call was given, and the checker reads them as text.
        .args(["--exclude-path", "/v1/runs/{id}/input"])
        .args(["--exclude-path", "/v1/runs/{id}/calls/{operation}/request"])
        .args(["--max-examples", &examples.to_string()])
        .args(["--seed", &seed.to_string()])
        .arg(format!("{}/openapi.json", host.url()));
    command::run(schemathesis).context("the API does not do what its document says")?;
    host.wait_for(Probe::Readiness)
        .context("the host takes no more requests")
}

/// The runs and webhooks that requests may name.
struct Subjects {
    /// A run that has completed, one that failed, and two that wait for longer than any test.
    runs: Vec<String>,
    /// The runs that requests may end: some that wait, and one that has completed.
    ended: Vec<String>,
    /// The tokens of two webhooks: the host answers the requests to one, and the workflow of the other never answers.
    tokens: Vec<String>,
}

impl Subjects {
    fn make(workspace: &Workspace, client: &Client) -> anyhow::Result<Self> {
        let component = workspace.guest(WORKFLOWS[0]);
        let component =
            fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
        for workflow in WORKFLOWS {
            client.deploy(workflow, &component)?;
        }
        let start = |script| client.start(WORKFLOWS[0], &script);
        let wait = json!({"sleep": 3_600_000});
        let completed =
            start(json!({"seq": [{"step": "s", "value": [1.5, "a"]}, {"log": "done"}]}))?;
        wait_until(|| client.end_of(&completed))?;
        let hooked = [
            start(json!({"seq": [{"webhook": "a"}, wait]}))?,
            start(
                json!({"seq": [{"webhook": "a", "options": {"reply": {"from-workflow": 10}}}, wait]}),
            )?,
        ];
        let tokens = hooked.iter().map(|run| {
            let url = wait_until(|| client.webhook(run))?;
            let token = url.rsplit('/').next();
            token.map(str::to_owned).context("a webhook without a URL")
        });
        let tokens = tokens.collect::<anyhow::Result<_>>()?;
        let ended = (0..ENDED).map(|_| start(wait.clone()));
        let mut ended = ended.collect::<anyhow::Result<Vec<_>>>()?;
        ended.push(completed.clone());
        let mut runs = vec![completed, start(json!({"trap": "on purpose"}))?];
        runs.extend(hooked);
        Ok(Subjects {
            runs,
            ended,
            tokens,
        })
    }
}
