//! `dormouse pause` and `dormouse resume`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::{Action, PausedRun, Pauses, RepairedRun};
use http::Method;

use crate::client::{Answer, Client};
use crate::error::CliError;
use crate::run_id;
use crate::run_selection::RunSelection;
use crate::terminal::Terminal;
use crate::text::{counted, plain_line};

/// Pauses runs, a workflow or the host
///
/// Until `dormouse resume`, no code is executed and no call is sent; requests, events and starts are accepted and kept. An
/// attempt at a call that is under way may finish, and its result is kept. Sleeps and waits keep their deadlines: those that
/// have passed end when the runs are resumed. A cancel without --grace works on a paused run.
///
/// --workflow alone pauses the workflow, including runs that are started later. With other conditions, each run that meets
/// them is paused itself.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse pause 0198d2c4
  dormouse pause --workflow approval
  dormouse pause --workflow approval --label customer:42 --yes
  dormouse pause --host")]
pub struct Pause {
    /// Pauses the host, with all workflows and runs
    #[arg(long, conflicts_with = "runs")]
    host: bool,

    #[command(flatten)]
    run_selection: RunSelection,
}

/// Resumes runs, a workflow or the host that are paused, and runs that are blocked
///
/// A run is blocked when the host cannot go on with it, or when its own code broke; `dormouse show` says why. A run whose code
/// broke is retried, as by `dormouse retry`. If such a run was paused too, the first resume ends the pause, and a second one
/// retries the run. A run that was paused itself stays paused when its workflow or the host is resumed.
///
/// --workflow alone resumes the workflow. With other conditions, each run that meets them is resumed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse resume 0198d2c4
  dormouse resume --status blocked --yes
  dormouse resume --workflow approval
  dormouse resume --host")]
pub struct Resume {
    /// Resumes the host
    #[arg(long, conflicts_with = "runs")]
    host: bool,

    #[command(flatten)]
    run_selection: RunSelection,
}

impl Pause {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        act(self.host, &self.run_selection, Action::Pause, terminal)
    }
}

impl Resume {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        act(self.host, &self.run_selection, Action::Resume, terminal)
    }
}

fn act(
    host: bool,
    run_selection: &RunSelection,
    action: Action,
    terminal: &mut Terminal,
) -> Result<ExitCode, CliError> {
    let client = run_selection.connection.open()?;
    let verb = action.as_str();
    let answer = match (host, run_selection.only_workflow()) {
        (true, _) if run_selection.has_filter() => {
            return Err(CliError::Usage("give either --host or a filter".into()));
        }
        (true, _) => post(&client, &[verb])?,
        (false, Some(workflow)) => post(&client, &["workflows", workflow, verb])?,
        (false, None) => return each(&client, run_selection, action, terminal),
    };
    if run_selection.connection.json {
        terminal.json(&answer.body)?;
    } else {
        terminal.print(&render(&answer.json()?))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Pauses or resumes each run.
fn each(
    client: &Client,
    run_selection: &RunSelection,
    action: Action,
    terminal: &mut Terminal,
) -> Result<ExitCode, CliError> {
    let Some(runs) = run_selection.named()? else {
        return run_selection.bulk(action, None).run(client, terminal);
    };
    run_id::each(runs, terminal, |run, terminal| {
        let run = run_id::find(client, run)?;
        let answer = post(client, &["runs", &run, action.as_str()])?;
        if run_selection.connection.json {
            terminal.json(&answer.body)?;
            return Ok(());
        }
        let line = match action {
            Action::Pause => {
                let PausedRun { id, status, .. } = answer.json()?;
                format!("run {id} is {status}, and paused")
            }
            _ => went_on(&answer.json()?),
        };
        terminal.print(&line)?;
        Ok(())
    })
}

fn went_on(run: &RepairedRun) -> String {
    let RepairedRun { id, status, .. } = run;
    let above = match run.paused.as_deref() {
        None => String::new(),
        Some(by) => format!(", and still paused with its {}", plain_line(by)),
    };
    format!("run {id} is {status}{above}")
}

fn post(client: &Client, path: &[&str]) -> Result<Answer, CliError> {
    client.send(Method::POST, &client.url(path), &[], None)
}

/// Formats which runs and workflows are paused now.
fn render(pauses: &Pauses) -> String {
    let mut paused = Vec::new();
    if pauses.host.is_some() {
        paused.push("the host".to_owned());
    }
    let workflows = pauses.workflows.keys();
    paused.extend(workflows.map(|name| format!("workflow {}", plain_line(name))));
    if pauses.runs > 0 {
        paused.push(counted(pauses.runs, "run"));
    }
    match paused.is_empty() {
        true => "nothing is paused".into(),
        false => format!("paused: {}", paused.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_listed() {
        let pauses = |text| render(&serde_json::from_str(text).unwrap());
        let none = pauses(r#"{"host": null, "workflows": {}, "runs": 0}"#);
        assert_eq!(none, "nothing is paused");
        let all = pauses(
            r#"{"host": "2026-03-01T08:00:00.000Z", "workflows": {"a": "2026-03-01T08:00:00.000Z"}, "runs": 2}"#,
        );
        assert_eq!(all, "paused: the host, workflow a, 2 runs");
    }
}
