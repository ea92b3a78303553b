//! `dormouse output` and `dormouse input`.

use std::process::ExitCode;

use clap::Args;

use crate::connection::Connection;
use crate::error::CliError;
use crate::run_id;
use crate::terminal::Terminal;

/// Prints the output of a run, byte for byte
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dormouse output 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6 > thumbnail.png"
)]
pub struct Output {
    /// The run's id, or its beginning
    run: String,

    #[command(flatten)]
    connection: Connection,
}

impl Output {
    /// Prints the output. With `--json` it prints the same, since the API's answer is the output.
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let answer =
            client.get(&client.url(&["runs", &run_id::find(&client, &self.run)?, "output"]))?;
        terminal.payload(&answer.body)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints the input that a run was started with, byte for byte
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse input 0198d2c4 | jq .")]
pub struct RunInput {
    /// The run's id, or its beginning
    run: String,

    #[command(flatten)]
    connection: Connection,
}

impl RunInput {
    /// Prints the input. With `--json` it prints the same, since the API's answer is the input.
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let run = run_id::find(&client, &self.run)?;
        let answer = client.get(&client.url(&["runs", &run, "input"]))?;
        terminal.payload(&answer.body)?;
        Ok(ExitCode::SUCCESS)
    }
}
