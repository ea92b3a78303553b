//! `dormouse cancel` and `dormouse resume`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::RunStatus;
use http::Method;

use crate::connection::Connection;
use crate::error::CliError;
use crate::terminal::Terminal;

/// Cancels a run: what it is doing is thrown away, and it does nothing more
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse cancel 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6")]
pub struct Cancel {
    /// The run's id
    run: String,

    #[command(flatten)]
    connection: Connection,
}

/// Tries a blocked run again
///
/// A run is blocked when the host cannot go on with it through no fault of the run; `dormouse show` says why.
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse resume 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6")]
pub struct Resume {
    /// The run's id
    run: String,

    #[command(flatten)]
    connection: Connection,
}

impl Cancel {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        control(&self.connection, &self.run, "cancel", terminal)
    }
}

impl Resume {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        control(&self.connection, &self.run, "resume", terminal)
    }
}

fn control(
    connection: &Connection,
    run: &str,
    verb: &str,
    terminal: &mut Terminal,
) -> Result<ExitCode, CliError> {
    let client = connection.open()?;
    let answer = client.send(Method::POST, &client.url(&["runs", run, verb]), &[], None)?;
    if connection.json {
        terminal.json(&answer.body)?;
    } else {
        let RunStatus { id, status } = answer.json()?;
        terminal.print(&format!("run {id} is {status}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
