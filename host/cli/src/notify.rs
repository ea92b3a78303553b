//! `dormouse notify`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::Notified;
use http::Method;

use crate::client::Body;
use crate::connection::Connection;
use crate::error::CliError;
use crate::input::Input;
use crate::run_id;
use crate::terminal::Terminal;
use crate::text::counted;

/// Sends an event
///
/// The event reaches every run that waits for it at this moment, and no other. With --run, the event goes only to
/// that run. The run keeps it until its workflow waits for it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse notify prices-changed --data '{\"currency\": \"EUR\"}'
  dormouse notify approved --run 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6")]
pub struct Notify {
    /// The event's name
    event: String,

    /// The only run that gets the event: its id, or the beginning of its id
    #[arg(long, value_name = "RUN")]
    run: Option<String>,

    /// The data of the event: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "DATA", allow_hyphen_values = true)]
    data: Option<String>,

    /// The media type of the data [default: application/json]
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

impl Notify {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let input =
            Input::read_checked("--data", self.data.as_deref(), self.content_type.as_deref())?;
        let run = self.run.as_deref();
        let run = run.map(|run| run_id::find(&client, run)).transpose()?;
        let url = match &run {
            Some(run) => client.url(&["runs", run, "events", &self.event]),
            None => client.url(&["events", &self.event]),
        };
        let length = input.bytes.len() as u64;
        let body = Body {
            content_type: &input.content_type,
            bytes: &mut input.bytes.as_slice(),
            length,
        };
        let answer = client.send(Method::POST, &url, &[], Some(body))?;
        if self.connection.json {
            terminal.json(&answer.body)?;
        } else if let Some(run) = &run {
            terminal.print(&format!("{} is sent to run {run}", self.event))?;
        } else {
            let Notified { runs, more, .. } = answer.json()?;
            let reached = counted(runs.len() as u64, "run");
            let more = if more { ", and more" } else { "" };
            terminal.note(&format!("{} reached {reached}{more}", self.event))?;
            for run in runs {
                terminal.print(&run)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
