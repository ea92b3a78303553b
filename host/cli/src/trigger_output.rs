//! Formats triggers for people.

use dormouse_api::{LabelValue, Place, Trigger, TriggerReply};
use dormouse_journal::Time;

use crate::table::Table;
use crate::text::plain_line;
use crate::time::ago;
use crate::webhooks::refused;

/// Formats a table of triggers.
pub(crate) fn render(triggers: &[Trigger], now: Time) -> String {
    let mut table = Table::new(&[
        "trigger", "workflow", "state", "started", "existing", "last", "refused", "provider", "url",
    ]);
    for trigger in triggers {
        table.row([
            plain_line(&trigger.name).into(),
            plain_line(&trigger.workflow).into(),
            state(trigger).into(),
            trigger.started.to_string().into(),
            trigger.existing.to_string().into(),
            trigger
                .last
                .map_or_else(|| "never".into(), |last| ago(last, now))
                .into(),
            plain_line(&refused(&trigger.refused)).into(),
            plain_line(trigger.provider.as_deref().unwrap_or("none")).into(),
            trigger.url.as_str().into(),
        ]);
    }
    table.render(false)
}

fn state(trigger: &Trigger) -> &'static str {
    if trigger.paused { "paused" } else { "open" }
}

/// Formats one trigger with a line for each field.
pub(crate) fn details(trigger: &Trigger, now: Time) -> String {
    let mut lines = vec![
        ("trigger", trigger.name.clone()),
        ("url", trigger.url.clone()),
        ("workflow", trigger.workflow.clone()),
        (
            "version",
            trigger
                .version
                .clone()
                .unwrap_or_else(|| "the current one".into()),
        ),
        ("state", state(trigger).into()),
        ("methods", trigger.methods.join(" ")),
    ];
    for earlier in &trigger.earlier_urls {
        lines.push(("earlier url", format!("{}, for a while", earlier.url)));
    }
    if let Some(check) = &trigger.signature {
        let secrets = check.secrets.join(" or ");
        lines.push(("signed", format!("{} by {secrets}", check.scheme.as_str())));
    } else if let Some(provider) = &trigger.provider {
        lines.push(("probed by", provider.clone()));
    }
    for secret in &trigger.unusable_secrets {
        lines.push(("unusable", format!("{}: {}", secret.name, secret.reason)));
    }
    if let Some(tolerance) = &trigger.tolerance {
        lines.push(("tolerance", tolerance.clone()));
    }
    if !trigger.cors.is_empty() {
        lines.push(("pages of", trigger.cors.join(" ")));
    }
    lines.push((
        "reply",
        match &trigger.reply {
            TriggerReply::Accepted => "202 and the run's id".into(),
            TriggerReply::Fixed { status, .. } => format!("always {status}"),
            TriggerReply::Output { within } => format!("the run's output, within {within}"),
        },
    ));
    if let Some(key) = &trigger.key {
        lines.push(("key", place_text(key)));
        lines.push(("on existing", trigger.on_existing.name().into()));
        lines.push(("key missing", trigger.key_missing.name().into()));
        lines.push(("unread", trigger.unread.name().into()));
    }
    for (key, value) in &trigger.labels {
        let value = match value {
            LabelValue::Fixed(value) => value.clone(),
            LabelValue::At(place) => place_text(place),
        };
        lines.push(("label", format!("{key}={value}")));
    }
    lines.push(("started", trigger.started.to_string()));
    lines.push(("existing", trigger.existing.to_string()));
    let last = trigger
        .last
        .map_or_else(|| "never".into(), |last| ago(last, now));
    lines.push(("last", last));
    lines.push(("refused", refused(&trigger.refused)));
    let lines = lines.iter();
    let lines = lines.map(|(name, value)| format!("{name:<12} {}", plain_line(value)));
    lines.collect::<Vec<_>>().join("\n")
}

fn place_text(place: &Place) -> String {
    match place {
        Place::Header(name) => format!("header:{name}"),
        Place::Query(name) => format!("query:{name}"),
        Place::Json(pointer) => format!("json:{pointer}"),
    }
}

#[cfg(test)]
mod tests {
    use dormouse_api::{Timestamp, UnusableSecret};
    use dormouse_journal::{KeyMissing, OnExisting, Unread};

    use super::*;

    fn trigger(name: &str) -> Trigger {
        Trigger {
            name: name.into(),
            url: format!("https://hooks.example/hooks/{name}"),
            earlier_urls: Vec::new(),
            workflow: "order".into(),
            version: None,
            methods: vec!["POST".into()],
            provider: None,
            signature: None,
            description: None,
            tolerance: None,
            cors: Vec::new(),
            reply: TriggerReply::Accepted,
            key: None,
            on_existing: OnExisting::Answer,
            key_missing: KeyMissing::Start,
            unread: Unread::Start,
            labels: Default::default(),
            paused: false,
            created: Timestamp(Time(0)),
            updated: Timestamp(Time(0)),
            started: 0,
            existing: 0,
            last: None,
            refused: Default::default(),
            last_refused: None,
            unusable_secrets: Vec::new(),
        }
    }

    #[test]
    fn triggers_in_a_table_and_one_by_itself() {
        let mut keyed = trigger("orders");
        keyed.key = Some(Place::Json("/order/id".into()));
        keyed.on_existing = OnExisting::Event;
        keyed.reply = TriggerReply::Output {
            within: "10s".into(),
        };
        let order = LabelValue::At(Place::Json("/order/id".into()));
        keyed.labels = [("order".into(), order)].into();
        keyed.paused = true;
        (keyed.started, keyed.existing) = (12, 3);
        keyed.last = Some(Timestamp(Time(60_000)));
        keyed.refused = [("key-missing".into(), 2)].into();
        keyed.unusable_secrets = vec![UnusableSecret {
            name: "shop".into(),
            reason: "the secret is empty".into(),
        }];
        let now = Time(120_000);
        let table = render(&[trigger("bare"), keyed.clone()], now);
        insta::assert_snapshot!(format!("{table}\n{}", details(&keyed, now)));
    }
}
