//! `dormouse webhooks`.

use std::process::ExitCode;

use clap::Args;
use dormouse_journal::Time;

use super::connection::Connection;
use super::error::CliError;
use super::table::Table;
use super::terminal::Terminal;
use super::text::{plain_line, size};
use super::time::{ago, now};
use crate::model;

/// Lists the webhooks of a run, with their URLs and inboxes
///
/// Whoever knows a URL can call it.
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse webhooks 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6")]
pub(super) struct Webhooks {
    /// The run's id
    run: String,

    #[command(flatten)]
    connection: Connection,
}

impl Webhooks {
    pub(super) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let answer = client.get(&client.url(&["runs", &self.run, "webhooks"]))?;
        if self.connection.json {
            terminal.json(&answer.body)?;
            return Ok(ExitCode::SUCCESS);
        }
        let webhooks: model::Webhooks = answer.json()?;
        if webhooks.webhooks.is_empty() {
            terminal.note("no webhooks")?;
        } else {
            terminal.print(&render(&webhooks.webhooks, now()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn render(webhooks: &[model::Webhook], now: Time) -> String {
    let mut table = Table::new(&[
        "webhook",
        "step",
        "state",
        "queued",
        "taken",
        "last request",
        "methods",
        "url",
    ]);
    for webhook in webhooks {
        let state = match (webhook.closed, webhook.waits) {
            (true, _) => "closed".into(),
            (false, 0) => "open".into(),
            (false, waits) => format!("{waits} waiting"),
        };
        let queued = match webhook.queued {
            0 => "0".into(),
            queued => format!("{queued} ({})", size(webhook.queued_bytes)),
        };
        table.row([
            webhook.webhook.to_string().into(),
            plain_line(&webhook.step).into(),
            state.into(),
            queued.into(),
            webhook.delivered.to_string().into(),
            webhook
                .last_accepted
                .map_or_else(|| "never".into(), |time| ago(time, now))
                .into(),
            webhook.methods.join(" ").into(),
            webhook.url.as_str().into(),
        ]);
    }
    table.render(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_in_a_table() {
        let webhook = |number, closed, waits, queued| model::Webhook {
            webhook: number,
            step: "approve".into(),
            url: "https://hooks.example/hooks/AAEB".into(),
            methods: vec!["POST".into()],
            created: Time(0).into(),
            closed,
            queued,
            queued_bytes: u64::from(queued) * 100,
            delivered: 3,
            waits,
            last_accepted: (queued > 0).then_some(Time(60_000).into()),
        };
        let webhooks = [
            webhook(0, false, 1, 0),
            webhook(1, false, 0, 12),
            webhook(2, true, 0, 0),
        ];
        insta::assert_snapshot!(render(&webhooks, Time(120_000)));
    }
}
