//! `dormouse start`.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use dormouse_api::{Run, StartedRun, Webhooks};
use dormouse_journal::{Status, Until};
use http::{HeaderName, Method};

use crate::client::{Answer, Body, Client};
use crate::connection::Connection;
use crate::error::CliError;
use crate::exit::REFUSED;
use crate::input::Input;
use crate::retry_read::{pause, retry_while_unavailable};
use crate::show::render_failure;
use crate::terminal::Terminal;
use crate::text::plain_line;
use crate::version;

/// Starts a run, and prints its id
///
/// With --wait the command follows the run to its end. Changes of the run's status go to standard error, and its output to
/// standard output. The exit code is 0 if the run completed, and 1 if it failed, was cancelled or is blocked. The host may be
/// restarted meanwhile. Stopping this command does not stop the run.
///
/// With --until-suspended the command prints the id when the run waits for something, and its webhooks go to standard error;
/// --json prints both. A run that ends without waiting is shown as with --wait.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse start fan-out --input '{\"service_url\": \"https://service.example\", \"count\": 3}' --wait
  dormouse start approval --input @request.json --until-suspended --json | jq -r '.webhooks[0].url'
  dormouse start thumbnail --input @photo.png --content-type image/png
  dormouse start approval --input @request.json --label customer:42 --label tier:gold
  dormouse start approval --input - --idempotency-key request-7 < request.json")]
pub struct Start {
    /// The workflow
    workflow: String,

    /// The input: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "INPUT", allow_hyphen_values = true)]
    input: Option<String>,

    /// The input's media type [default: application/json]
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,

    /// An Idempotency-Key: a repeat with the same key and input starts nothing, and prints the run that was started first
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,

    /// A version, or its beginning, to use instead of the current one
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// A label of the run, by which it can be found; give the flag again for others
    #[arg(long = "label", value_name = "KEY:VALUE")]
    labels: Vec<String>,

    /// Follows the run to its end
    #[arg(long)]
    wait: bool,

    /// Waits until the run waits for something, and shows its webhooks
    #[arg(long, conflicts_with = "wait")]
    until_suspended: bool,

    #[command(flatten)]
    connection: Connection,
}

/// The number of seconds for which the host may hold its answer while the command follows a run. A change of the run's
/// status is shown at most this much later.
const HOLD: u32 = 2;

/// The time between such an answer and the next request. A host can be set to hold no answers.
const RETRY_DELAY: Duration = Duration::from_millis(100);

impl Start {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let answer = self.start(&client)?;
        let started: StartedRun = answer.json()?;
        if self.wait {
            return self.follow(&client, &started, Until::Ended, terminal);
        }
        if self.until_suspended {
            return self.follow(&client, &started, Until::Suspended, terminal);
        }
        if self.connection.json {
            terminal.json(&answer.body)?;
        } else {
            terminal.print(&started.id)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn start(&self, client: &Client) -> Result<Answer, CliError> {
        let input = Input::read_checked(
            "--input",
            self.input.as_deref(),
            self.content_type.as_deref(),
        )?;
        let mut url = client.url(&["workflows", &self.workflow, "runs"]);
        if let Some(version) = &self.version {
            let version = version::find(client, &self.workflow, version)?;
            url.query_pairs_mut().append_pair("version", &version);
        }
        for label in &self.labels {
            url.query_pairs_mut().append_pair("label", label);
        }
        let key = self
            .idempotency_key
            .as_deref()
            .map(|key| (HeaderName::from_static("idempotency-key"), key));
        let length = input.bytes.len() as u64;
        let body = Body {
            content_type: &input.content_type,
            bytes: &mut input.bytes.as_slice(),
            length,
        };
        client.send(Method::POST, &url, key.as_slice(), Some(body))
    }

    fn follow(
        &self,
        client: &Client,
        started: &StartedRun,
        until: Until,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, CliError> {
        let (answer, run) = watch(client, started, until, terminal)?;
        if run.summary.status == Status::Blocked {
            return self.show_blocked(&answer, &run, terminal);
        }
        if !run.summary.status.has_ended() {
            self.show_webhooks(client, run, terminal)?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.connection.json {
            terminal.json(&answer.body)?;
        } else {
            finish(client, &run, terminal)?;
        }
        Ok(exit_code(&run))
    }

    /// Shows a run that cannot continue without help.
    fn show_blocked(
        &self,
        answer: &Answer,
        run: &Run,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, CliError> {
        if self.connection.json {
            terminal.json(&answer.body)?;
            return Ok(exit_code(run));
        }
        let id = &run.summary.id;
        terminal.note(&format!("run {id} is blocked"))?;
        if let Some(failure) = &run.summary.failure {
            terminal.note(&render_failure(failure))?;
        }
        terminal.note(&format!(
            "deploy a corrected version and use `dormouse retry {id}`, or use `dormouse cancel {id}`"
        ))?;
        Ok(exit_code(run))
    }

    fn show_webhooks(
        &self,
        client: &Client,
        run: Run,
        terminal: &mut Terminal,
    ) -> Result<(), CliError> {
        let url = client.url(&["runs", &run.summary.id, "webhooks"]);
        let Webhooks { webhooks } =
            retry_while_unavailable(terminal, || client.get(&url))?.json()?;
        if self.connection.json {
            let shown = StartedRun {
                id: run.summary.id,
                status: run.summary.status,
                webhooks: Some(webhooks),
            };
            let json = serde_json::to_vec(&shown).map_err(std::io::Error::from)?;
            terminal.json(&json)?;
        } else {
            for webhook in &webhooks {
                let step = plain_line(&webhook.step);
                terminal.note(&format!("webhook {step:?}: {}", webhook.url))?;
            }
            terminal.print(&run.summary.id)?;
        }
        Ok(())
    }
}

/// Shows the progress of a run until it has come as far as `until`.
fn watch(
    client: &Client,
    started: &StartedRun,
    until: Until,
    terminal: &mut Terminal,
) -> Result<(Answer, Run), CliError> {
    let url = client.url(&["runs", &started.id]);
    if !started.status.has_ended() {
        terminal.note(&format!("run {} is {}", started.id, started.status))?;
    }
    let mut shown = String::new();
    loop {
        let answer = retry_while_unavailable(terminal, || client.get_waiting(&url, until, HOLD))?;
        let run: Run = answer.json()?;
        if until.is_reached_by(run.summary.status) {
            return Ok((answer, run));
        }
        let now = Progress(&run).to_string();
        if now != shown {
            terminal.note(&now)?;
            shown = now;
        }
        pause(RETRY_DELAY);
    }
}

fn finish(client: &Client, run: &Run, terminal: &mut Terminal) -> Result<(), CliError> {
    let id = &run.summary.id;
    terminal.note(&format!("run {id} has {}", run.summary.status.after_has()))?;
    if let Some(failure) = &run.summary.failure {
        terminal.note(&render_failure(failure))?;
    }
    if run.output.is_some() {
        let url = client.url(&["runs", id, "output"]);
        let output = retry_while_unavailable(terminal, || client.get(&url))?;
        terminal.payload(&output.body)?;
    }
    Ok(())
}

fn exit_code(run: &Run) -> ExitCode {
    match run.summary.status {
        Status::Completed => ExitCode::SUCCESS,
        _ => ExitCode::from(REFUSED),
    }
}

/// Formats the state of a run on one line.
struct Progress<'a>(&'a Run);

/// The number of operations that such a line names.
const NAMED: usize = 3;

impl fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.0;
        write!(f, "{}", run.summary.status)?;
        if let Some(failure) = &run.summary.failure {
            write!(f, ": {}", plain_line(&failure.message))?;
        }
        for (place, waiting) in run.waiting.iter().take(NAMED).enumerate() {
            let separator = if place == 0 { ": " } else { ", " };
            write!(
                f,
                "{separator}{} {:?}",
                waiting.kind,
                plain_line(&waiting.step)
            )?;
        }
        if run.waiting.len() > NAMED {
            write!(f, " and {} more", run.waiting.len() - NAMED)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(status: &str, steps: &[&str]) -> Run {
        let waiting: Vec<serde_json::Value> = steps
            .iter()
            .map(|step| {
                serde_json::json!({
                    "operation": 1, "kind": "wait-for-webhook", "step": step,
                    "since": "2026-03-01T08:00:00.000Z", "deadline": null,
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({
            "id": "019ca8b5-3a00-7000-8000-000000000000", "workflow": "approval", "version": "3f",
            "status": status, "created": "2026-03-01T08:00:00.000Z", "ended": null, "untaken": 0,
            "waiting": waiting, "waiting_truncated": false, "activations": 2, "operations": 3, "journal_bytes": 100,
            "last_activation": "2026-03-01T08:00:00.000Z",
        }))
        .unwrap()
    }

    #[test]
    fn progress_in_a_line() {
        let check = |run: &Run, expected: &str| assert_eq!(Progress(run).to_string(), expected);
        check(&run("running", &[]), "running");
        check(
            &run("suspended", &["approve"]),
            "suspended: wait-for-webhook \"approve\"",
        );
        check(
            &run("suspended", &["a", "b", "c", "d", "e"]),
            "suspended: wait-for-webhook \"a\", wait-for-webhook \"b\", wait-for-webhook \"c\" and 2 more",
        );
    }

    #[test]
    fn only_a_completed_run_is_a_success() {
        assert_eq!(exit_code(&run("completed", &[])), ExitCode::SUCCESS);
        assert_eq!(exit_code(&run("failed", &[])), ExitCode::from(1));
        assert_eq!(exit_code(&run("cancelled", &[])), ExitCode::from(1));
    }
}
