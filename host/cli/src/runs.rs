//! `dormouse runs`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::{RunPage, RunSummary};
use dormouse_journal::Time;
use url::Url;

use crate::client::Client;
use crate::connection::Connection;
use crate::error::CliError;
use crate::filter::Filter;
use crate::pages;
use crate::table::{Cell, Table};
use crate::terminal::Terminal;
use crate::text::{colour, labels, plain_line};
use crate::time::{ago, now};

/// Lists runs, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse runs
  dormouse runs --workflow approval --status failed --all
  dormouse runs --label customer:42 --since 7d
  dormouse runs --failure trap --ended-since 2026-03-01T08:00:00Z --quiet")]
pub struct Runs {
    /// The largest number of runs to list, from 1 to 500 [default: 50]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,

    /// Lists all runs
    #[arg(long, conflicts_with = "limit")]
    all: bool,

    /// Prints only the ids, one on each line
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,

    #[command(flatten)]
    filter: Box<Filter>,

    #[command(flatten)]
    connection: Connection,
}

/// The number of runs on a page if all runs are asked for: the largest that the API allows.
const PAGE: u32 = 500;

impl Runs {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let url = self.url(&client);
        match (self.all, self.connection.json) {
            (true, true) => terminal.print(&pages::merged(&client, &url, "runs")?)?,
            (false, true) => terminal.json(&client.get(&url)?.body)?,
            (true, false) => {
                let mut runs = Vec::new();
                let next = |page: &RunPage| page.next.clone();
                pages::each(&client, &url, next, |mut page| {
                    runs.append(&mut page.runs);
                    Ok(())
                })?;
                self.print(&runs, false, terminal)?;
            }
            (false, false) => {
                let page: RunPage = client.get(&url)?.json()?;
                self.print(&page.runs, page.next.is_some(), terminal)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn url(&self, client: &Client) -> Url {
        let mut url = client.url(&["runs"]);
        let limit = if self.all { Some(PAGE) } else { self.limit };
        let limit = limit.map(|limit| limit.to_string());
        self.filter.add_to(&mut url);
        if let Some(limit) = limit {
            url.query_pairs_mut().append_pair("limit", &limit);
        }
        url
    }

    fn print(
        &self,
        runs: &[RunSummary],
        more: bool,
        terminal: &mut Terminal,
    ) -> Result<(), CliError> {
        if self.quiet {
            for run in runs {
                terminal.print(&run.id)?;
            }
        } else if runs.is_empty() {
            terminal.note("no runs")?;
        } else {
            terminal.print(&render(runs, now(), terminal.colour))?;
        }
        if more {
            terminal.note("there are more; --all lists all of them")?;
        }
        Ok(())
    }
}

fn render(runs: &[RunSummary], now: Time, with_colour: bool) -> String {
    let mut table = Table::new(&["run", "workflow", "status", "started", "ended", ""]);
    for run in runs {
        table.row([
            run.id.as_str().into(),
            run.workflow.as_str().into(),
            Cell::coloured(run.status.as_str(), colour(run.status)),
            ago(run.created, now).into(),
            run.ended
                .map(|ended| ago(ended, now))
                .unwrap_or_default()
                .into(),
            note(run).into(),
        ]);
    }
    table.render(with_colour)
}

fn note(run: &RunSummary) -> String {
    let failure = run
        .failure
        .as_ref()
        .map(|failure| plain_line(&failure.code));
    let untaken = (run.untaken > 0).then(|| format!("{} untaken", run.untaken));
    let labels = (!run.labels.is_empty()).then(|| labels(&run.labels));
    let paused = run.paused.as_deref().map(|by| match by {
        "run" => "paused".into(),
        by => format!("paused with its {}", plain_line(by)),
    });
    let held = run.held_by.as_deref();
    let held = held.map(|by| format!("held by {}", plain_line(by)));
    paused
        .into_iter()
        .chain(held)
        .chain(failure)
        .chain(untaken)
        .chain(labels)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_in_a_table() {
        let page: RunPage = serde_json::from_str(
            r#"{"runs": [
                {"id": "019ca8b5-3a00-7000-8000-000000000001", "workflow": "approval", "version": "3f",
                 "status": "suspended", "created": "2026-03-01T08:00:00.000Z", "ended": null, "untaken": 0},
                {"id": "019ca8b5-3a00-7000-8000-000000000000", "workflow": "fan-out", "version": "3f",
                 "status": "failed", "created": "2026-03-01T07:00:00.000Z", "ended": "2026-03-01T07:01:00.000Z",
                 "failure": {"code": "trap", "message": "m"}, "untaken": 2}
            ], "next": null}"#,
        )
        .unwrap();
        insta::assert_snapshot!(render(&page.runs, Time(1_772_352_240_000), false));
    }
}
