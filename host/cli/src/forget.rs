//! `dormouse webhook forget`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api as model;
use dormouse_api::DeliveryName;
use http::Method;

use crate::client::Body;
use crate::connection::Connection;
use crate::error::CliError;
use crate::terminal::Terminal;
use crate::text::plain_line;

/// Makes the host forget a request that it accepted, so that a redelivery of it is accepted as a new one
///
/// A button such as Redeliver on a provider's page sends a delivery again with the same id. The host answers it as a repeat for
/// as long as the setting duplicate-window says (24 hours by default). Use this command first, and then press the button. The
/// first request stays where it is: a run that has taken it is not changed, and a run that it started goes on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse webhook forget https://hooks.example/hooks/AAEB… 72d3162e-cc78-11e3-81ab-4c9367dc0958
  dormouse webhook forget https://hooks.example/hooks/AAEB… order-4711 paid

`dormouse webhooks RUN` and `dormouse trigger list` show the URLs.")]
pub(crate) struct Forget {
    /// The URL of the webhook or trigger
    url: String,

    /// The id of the delivery: an Idempotency-Key, a webhook-id, or the provider's own id. Give several values if the provider's
    /// description has several places for the id
    #[arg(required = true, value_name = "ID")]
    id: Vec<String>,

    #[command(flatten)]
    connection: Connection,
}

impl Forget {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let id = match self.id.as_slice() {
            [one] => DeliveryName::One(one.clone()),
            parts => DeliveryName::Parts(parts.to_vec()),
        };
        let url = self.url.clone();
        let json = serde_json::to_vec(&model::Forget { url, id }).map_err(std::io::Error::from)?;
        let body = Body {
            content_type: "application/json",
            length: json.len() as u64,
            bytes: &mut json.as_slice(),
        };
        let path = client.url(&["webhooks", "forget"]);
        let answer = client.send(Method::POST, &path, &[], Some(body))?;
        if self.connection.json {
            terminal.json(&answer.body)?;
        } else {
            terminal.print(&render(&answer.json()?))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn render(forgotten: &model::Forgotten) -> String {
    let at = match (&forgotten.trigger, &forgotten.run, forgotten.webhook) {
        (Some(trigger), ..) => format!("trigger {trigger}"),
        (None, Some(run), Some(webhook)) => format!("webhook {webhook} of run {run}"),
        _ => "that URL".into(),
    };
    let kinds = forgotten.forgotten.join(" and ");
    plain_line(&format!(
        "forgotten at {at}, which knew it by its {kinds}: the next request with this id is accepted as a new one"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_says_where_and_by_which_id_it_was_forgotten() {
        let mut forgotten = model::Forgotten {
            run: None,
            webhook: None,
            trigger: Some("bot".into()),
            forgotten: vec!["github".into()],
        };
        let text = render(&forgotten);
        let expected = "forgotten at trigger bot, which knew it by its github: the next request with this id is accepted as a \
                        new one";
        assert_eq!(text, expected);
        forgotten.trigger = None;
        (forgotten.run, forgotten.webhook) = (Some("R".into()), Some(2));
        assert!(render(&forgotten).contains("at webhook 2 of run R,"));
    }
}
