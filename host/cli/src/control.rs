//! `dormouse cancel`, `dormouse resume` and `dormouse delete`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::{Action, RunStatus};
use http::Method;

use crate::error::CliError;
use crate::run_id;
use crate::several::Several;
use crate::terminal::Terminal;

/// Cancels runs: what they are doing is thrown away, and they do nothing more
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse cancel 0198d2c4
  dormouse cancel --workflow approval --status suspended --yes")]
pub struct Cancel {
    #[command(flatten)]
    several: Several,
}

/// Tries blocked runs again
///
/// A run is blocked when the host cannot go on with it through no fault of the run; `dormouse show` says why.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse resume 0198d2c4
  dormouse resume --status blocked --yes")]
pub struct Resume {
    #[command(flatten)]
    several: Several,
}

/// Deletes runs that have ended, with their journals, logs and outputs
///
/// The host does so by itself when the retention of an ended run is over.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse delete 0198d2c4
  dormouse delete --workflow approval --status failed --ended-until 24h")]
pub struct Delete {
    #[command(flatten)]
    several: Several,
}

impl Cancel {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        control(&self.several, Action::Cancel, terminal)
    }
}

impl Resume {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        control(&self.several, Action::Resume, terminal)
    }
}

impl Delete {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        control(&self.several, Action::Delete, terminal)
    }
}

fn control(
    several: &Several,
    action: Action,
    terminal: &mut Terminal,
) -> Result<ExitCode, CliError> {
    let connection = &several.connection;
    let client = connection.open()?;
    let Some(runs) = several.named()? else {
        return several.bulk(action, None).run(&client, terminal);
    };
    let (method, verb) = match action {
        Action::Delete => (Method::DELETE, None),
        action => (Method::POST, Some(action.as_str())),
    };
    run_id::each(runs, terminal, |run, terminal| {
        let run = run_id::find(&client, run)?;
        let mut path = vec!["runs", run.as_str()];
        path.extend(verb);
        let answer = client.send(method.clone(), &client.url(&path), &[], None)?;
        if connection.json {
            terminal.json(&answer.body)?;
            return Ok(());
        }
        let RunStatus { id, status } = answer.json()?;
        terminal.print(&match verb {
            Some(_) => format!("run {id} is {status}"),
            None => format!("run {id} is deleted; it was {status}"),
        })?;
        Ok(())
    })
}
