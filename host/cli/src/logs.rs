//! `dormouse logs`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use dormouse_api::{LogLine, LogPage, Run};
use dormouse_journal::Level;
use url::Url;

use crate::client::Client;
use crate::connection::Connection;
use crate::error::CliError;
use crate::pages;
use crate::retry_read::{pause, retry_while_unavailable};
use crate::run_id;
use crate::terminal::Terminal;
use crate::text::{coloured, indented, plain};

/// Prints what a run has logged
///
/// With --follow the command goes on until the run has ended. With --follow and --json it prints one line of JSON for each line
/// of the log.
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse logs 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6 --follow")]
pub struct Logs {
    /// The run's id, or its beginning
    run: String,

    /// Prints new lines as they come, until the run has ended
    #[arg(long)]
    follow: bool,

    #[command(flatten)]
    connection: Connection,
}

/// The time between two requests for the log of a run that has not ended.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Logs {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let run = run_id::find(&client, &self.run)?;
        let url = client.url(&["runs", &run, "logs"]);
        if self.follow {
            self.follow(&client, &run, &url, terminal)?;
        } else if self.connection.json {
            terminal.print(&pages::merged(&client, &url, "lines")?)?;
        } else {
            pages::each(
                &client,
                &url,
                |page: &LogPage| page.next.clone(),
                |page| self.print(&page.lines, terminal),
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn follow(
        &self,
        client: &Client,
        run: &str,
        log: &Url,
        terminal: &mut Terminal,
    ) -> Result<(), CliError> {
        let run_url = client.url(&["runs", run]);
        // The page that was read last, and the number of its lines that are printed.
        let (mut page_url, mut printed) = (log.clone(), 0);
        let mut ended = false;
        loop {
            let page: LogPage =
                retry_while_unavailable(terminal, || client.get(&page_url))?.json()?;
            self.print(page.lines.get(printed..).unwrap_or_default(), terminal)?;
            printed = page.lines.len();
            if let Some(next) = page.next {
                (page_url, printed) = (pages::at(log, &next), 0);
            } else if ended {
                return Ok(());
            } else {
                pause(LOOK_EVERY);
                // The status is asked for before the log: if the run has ended, the next page is complete.
                let run: Run =
                    retry_while_unavailable(terminal, || client.get(&run_url))?.json()?;
                ended = run.summary.status.has_ended();
            }
        }
    }

    fn print(&self, lines: &[LogLine], terminal: &mut Terminal) -> Result<(), CliError> {
        for line in lines {
            if self.connection.json {
                terminal.print(&serde_json::to_string(line).unwrap_or_default())?;
            } else {
                terminal.print(&render(line, terminal.colour))?;
            }
        }
        Ok(())
    }
}

fn render(line: &LogLine, with_colour: bool) -> String {
    let (level, colour) = match line.level {
        Level::Trace => ("TRACE", 90),
        Level::Debug => ("DEBUG", 90),
        Level::Info => ("INFO ", 32),
        Level::Warn => ("WARN ", 33),
        Level::Error => ("ERROR", 31),
    };
    let time = line.time.to_string();
    let message = indented(&plain(&line.message), time.len() + level.len() + 2);
    let level = if with_colour {
        coloured(level, colour)
    } else {
        level.into()
    };
    format!("{time} {level} {message}")
}

#[cfg(test)]
mod tests {
    use dormouse_api::Timestamp;
    use dormouse_journal::Time;

    use super::*;

    #[test]
    fn lines_of_a_log() {
        let line = |level, message: &str| LogLine {
            activation: 0,
            time: Timestamp(Time(1_772_352_000_120)),
            level,
            message: message.into(),
        };
        let lines = [
            line(Level::Info, "asked for approval"),
            line(Level::Error, "two\nlines"),
            line(Level::Warn, "\x1b[2J"),
        ];
        let text: Vec<String> = lines.iter().map(|line| render(line, false)).collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
