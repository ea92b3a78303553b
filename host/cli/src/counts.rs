//! `dormouse counts`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::RunCounts;
use dormouse_journal::Status;

use crate::connection::Connection;
use crate::error::CliError;
use crate::table::{Cell, Table};
use crate::terminal::Terminal;
use crate::text::colour;

/// Counts runs by status
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse counts --workflow approval")]
pub struct Counts {
    /// Only runs of this workflow
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

impl Counts {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let mut url = client.url(&["counts"]);
        if let Some(workflow) = &self.workflow {
            url.query_pairs_mut().append_pair("workflow", workflow);
        }
        let answer = client.get(&url)?;
        if self.connection.json {
            terminal.json(&answer.body)?;
        } else {
            terminal.print(&render(&answer.json()?, terminal.colour))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn render(RunCounts(counts): &RunCounts, with_colour: bool) -> String {
    let mut table = Table::new(&["status", "runs"]);
    for status in Status::ALL {
        let name = status.as_str();
        let count = counts.get(name).copied().unwrap_or_default();
        table.row([
            Cell::coloured(name, colour(status)),
            count.to_string().into(),
        ]);
    }
    table.render(with_colour)
}
