//! `dormouse webhooks`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use dormouse_api::{self as model, WebhookOptions, WebhookReply};
use dormouse_journal::Time;

use crate::connection::Connection;
use crate::error::CliError;
use crate::run_id;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::text::{plain_line, size};
use crate::time::{ago, exact, now};

/// Lists the webhooks of a run, with their URLs and inboxes
///
/// Everybody who knows a URL can call it. Rejected requests are counted since the host started.
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse webhooks 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6")]
pub struct Webhooks {
    /// The run's id, or its beginning
    run: String,

    #[command(flatten)]
    connection: Connection,
}

impl Webhooks {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let run = run_id::find(&client, &self.run)?;
        let answer = client.get(&client.url(&["runs", &run, "webhooks"]))?;
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
        "refused",
        "options",
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
            plain_line(&refused(&webhook.rejected)).into(),
            plain_line(&options_and_trouble(webhook)).into(),
            webhook.options.methods.join(" ").into(),
            webhook.url.as_str().into(),
        ]);
    }
    table.render(false)
}

/// Formats the options of a webhook, and which of its secrets cannot be used.
fn options_and_trouble(webhook: &model::Webhook) -> String {
    let mut text = options(&webhook.options);
    if text.is_empty() {
        text = "none".into();
    }
    for model::UnusableSecret { name, reason } in &webhook.unusable_secrets {
        text += &format!("; {name} cannot be used: {reason}");
    }
    text
}

/// Formats the options of a webhook other than its methods, shortly. The text is empty if all options have
/// their defaults.
pub(crate) fn options(options: &WebhookOptions) -> String {
    let mut parts = Vec::new();
    if let Some(check) = &options.signature {
        let header = check.header.as_deref().map(|name| format!(" in {name}"));
        parts.push(format!(
            "signed: {}{} by {}",
            check.scheme,
            header.unwrap_or_default(),
            check.secrets.join(" or ")
        ));
    }
    if let Some(handshake) = &options.handshake {
        parts.push(format!("probed by {handshake}"));
    }
    if options.description.is_some() {
        parts.push("with a description of its own".into());
    }
    if let Some(tolerance) = options.tolerance_ms {
        parts.push(format!("times within {}", exact(tolerance)));
    }
    if !options.cors.is_empty() {
        parts.push(format!("from pages of {}", options.cors.join(" or ")));
    }
    match options.reply {
        WebhookReply::Accepted => {}
        WebhookReply::Fixed { status } => parts.push(format!("answers {status}")),
        WebhookReply::FromWorkflow { within_ms } => {
            parts.push(format!("run answers within {}", exact(within_ms)));
        }
    }
    parts.join(", ")
}

/// Formats how many requests were refused and why, the most frequent reason first.
pub(crate) fn refused(reasons: &BTreeMap<String, u64>) -> String {
    if reasons.is_empty() {
        return "0".into();
    }
    let mut reasons: Vec<_> = reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| Reverse(**count));
    let total: u64 = reasons.iter().map(|(_, count)| **count).sum();
    let each: Vec<String> = reasons
        .iter()
        .map(|(code, count)| format!("{count} {code}"))
        .collect();
    format!("{total}: {}", each.join(", "))
}

#[cfg(test)]
mod tests {
    use dormouse_api::{SignatureCheck, Timestamp};

    use super::*;

    #[test]
    fn webhooks_in_a_table() {
        let webhook = |number, closed, waits, queued| model::Webhook {
            webhook: number,
            step: "approve".into(),
            url: "https://hooks.example/hooks/AAEB".into(),
            options: WebhookOptions {
                methods: vec!["POST".into()],
                signature: None,
                handshake: None,
                reply: WebhookReply::Accepted,
                description: None,
                tolerance_ms: None,
                cors: Vec::new(),
            },
            created: Timestamp(Time(0)),
            closed,
            queued,
            queued_bytes: u64::from(queued) * 100,
            delivered: 3,
            waits,
            last_accepted: (queued > 0).then_some(Timestamp(Time(60_000))),
            rejected: BTreeMap::new(),
            last_rejected: None,
            unusable_secrets: Vec::new(),
        };
        let mut webhooks = [
            webhook(0, false, 1, 0),
            webhook(1, false, 0, 12),
            webhook(2, true, 0, 0),
        ];
        webhooks[1].rejected = [("too-fast".into(), 1), ("signature-wrong".into(), 2)].into();
        webhooks[1].options.signature = Some(SignatureCheck {
            scheme: "hmac-sha256".into(),
            secrets: vec!["live".into(), "old".into()],
            header: Some("X-Mine".into()),
            prefix: None,
            settings: BTreeMap::new(),
        });
        webhooks[1].options.handshake = Some("meta".into());
        webhooks[1].unusable_secrets = vec![model::UnusableSecret {
            name: "old".into(),
            reason: "the secret is empty".into(),
        }];
        webhooks[1].options.reply = WebhookReply::Fixed { status: 204 };
        webhooks[2].options.reply = WebhookReply::FromWorkflow { within_ms: 5_000 };
        insta::assert_snapshot!(render(&webhooks, Time(120_000)));
    }
}
