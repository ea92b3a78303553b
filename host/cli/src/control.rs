//! `dormouse cancel` and `dormouse delete`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::{Action, RunStatus};
use http::Method;

use serde_json::value::RawValue;

use crate::bulk::outcome;
use crate::client::Body;
use crate::error::CliError;
use crate::run_id;
use crate::run_selection::RunSelection;
use crate::terminal::Terminal;

/// Cancels runs: their unfinished work is discarded, and their code is not executed any more
///
/// With --grace a run is asked to cancel: its workflow learns of it by `wait-for-cancel`, and may end by itself before the
/// time is over.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse cancel 0198d2c4
  dormouse cancel --grace 30s --reason 'the customer changed their mind' 0198d2c4
  dormouse cancel --workflow approval --status suspended --yes")]
pub struct Cancel {
    /// How long the runs may take to end by themselves, such as 30s, before they are cancelled
    #[arg(long, value_name = "TIME")]
    grace: Option<String>,

    /// The reason, which the runs and people can read
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    run_selection: RunSelection,
}

/// Deletes runs that have ended, with their journals, logs and outputs
///
/// The host deletes a run by itself when the retention of an ended run is over.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse delete 0198d2c4
  dormouse delete --workflow approval --status failed --ended-until 24h")]
pub struct Delete {
    #[command(flatten)]
    run_selection: RunSelection,
}

impl Cancel {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let mut options = serde_json::Map::new();
        for (name, value) in [("grace", &self.grace), ("reason", &self.reason)] {
            if let Some(value) = value {
                options.insert(name.into(), value.as_str().into());
            }
        }
        let options = (!options.is_empty())
            .then(|| serde_json::value::to_raw_value(&options))
            .transpose()
            .map_err(std::io::Error::from)?;
        control(
            &self.run_selection,
            Action::Cancel,
            options.as_deref(),
            terminal,
        )
    }
}

impl Delete {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        control(&self.run_selection, Action::Delete, None, terminal)
    }
}

fn control(
    run_selection: &RunSelection,
    action: Action,
    options: Option<&RawValue>,
    terminal: &mut Terminal,
) -> Result<ExitCode, CliError> {
    let connection = &run_selection.connection;
    let client = connection.open()?;
    let Some(runs) = run_selection.named()? else {
        return run_selection.bulk(action, options).run(&client, terminal);
    };
    let (method, verb) = match action {
        Action::Delete => (Method::DELETE, None),
        action => (Method::POST, Some(action.as_str())),
    };
    run_id::each(runs, terminal, |run, terminal| {
        let run = run_id::find(&client, run)?;
        let mut path = vec!["runs", run.as_str()];
        path.extend(verb);
        let mut bytes = options.map_or("", RawValue::get).as_bytes();
        let body = options.is_some().then_some(Body {
            content_type: "application/json",
            length: bytes.len() as u64,
            bytes: &mut bytes,
        });
        let answer = client.send(method.clone(), &client.url(&path), &[], body)?;
        if connection.json {
            terminal.json(&answer.body)?;
            return Ok(());
        }
        let RunStatus { id, status } = answer.json()?;
        terminal.print(&outcome(action, &id, status))?;
        Ok(())
    })
}
