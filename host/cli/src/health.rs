//! `dormouse health`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::Health;

use crate::connection::Connection;
use crate::error::CliError;
use crate::terminal::Terminal;

/// Shows whether a host takes work, and what of it does not work as it should
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse health")]
pub struct HealthCommand {
    #[command(flatten)]
    connection: Connection,
}

impl HealthCommand {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let answer = client.get(&client.root_url("readyz"))?;
        if self.connection.json {
            terminal.json(&answer.body)?;
            return Ok(ExitCode::SUCCESS);
        }
        let health: Health = answer.json()?;
        terminal.print(&format!("{}\n", health.status))?;
        for degraded in &health.degraded {
            terminal.print(&format!("degraded: {}: {}\n", degraded.what, degraded.why))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
