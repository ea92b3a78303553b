//! The options in a request to set a trigger: checks them, and converts them to the stored form.

use bytes::Bytes;
use dormouse_api::request::workflow_name;
use dormouse_api::{LabelValue, Place, SetTrigger, Trigger, TriggerReply, span};
use dormouse_journal::{
    self as journal, KeyMissing, LABELS, Label, LabelRule, OnExisting, Reply, Signature,
    TriggerOptions, Unread, WebhookOptions,
};
use dormouse_webhook::provider::{Provider, Providers};
use dormouse_webhook::{
    check_methods, check_origins, check_place, check_response, check_signature, find_provider,
    own_provider, read_tolerance,
};

/// Returns the options in their stored form. `known` are the providers that the host knows.
///
/// # Errors
/// When the options are not valid. The sentence says what to change.
pub(super) fn options(set: &SetTrigger, known: &Providers) -> Result<TriggerOptions, String> {
    if workflow_name(&set.workflow).is_err() {
        return Err(format!(
            "`workflow` is {:?}; a workflow's name has 1 to 64 characters out of a-z, 0-9, - and _",
            set.workflow
        ));
    }
    let version = set.version.as_deref().map(str::parse).transpose();
    let version = version.map_err(|_| {
        "`version` is not a version: give the 64 hexadecimal digits that `dormouse workflows` lists"
            .to_owned()
    })?;
    if set.key.is_none() && (set.on_existing.is_some() || set.key_missing.is_some()) {
        return Err(
            "`on_existing` and `key_missing` are about the key of a request, and there is no `key`: say where it lies"
                .into(),
        );
    }
    let key = set.key.as_ref().map(|place| checked_place("`key`", place));
    Ok(TriggerOptions {
        workflow: set.workflow.clone(),
        version,
        webhook: webhook_options(set, known)?,
        key: key.transpose()?,
        on_existing: set.on_existing.unwrap_or(OnExisting::Answer),
        key_missing: set.key_missing.unwrap_or(KeyMissing::Start),
        unread: set.unread.unwrap_or(Unread::Start),
        labels: labels(set)?,
    })
}

/// Returns how requests are checked and answered. This is the only place where a trigger's provider is converted to the
/// checks of a webhook.
fn webhook_options(set: &SetTrigger, known: &Providers) -> Result<WebhookOptions, String> {
    check_methods(&set.methods).map_err(|why| format!("`methods`: {why}"))?;
    check_origins(&set.cors)?;
    let own = set.description.as_deref().map(own_provider).transpose()?;
    if let Some(own) = &own
        && set.provider.as_deref() != Some(own.name())
    {
        return Err(format!(
            "the description has the name {:?}, which `provider` does not name, so that it would do nothing; name it there",
            own.name()
        ));
    }
    let provider = set.provider.as_deref();
    let provider = provider.map(|name| find_provider("`provider`", name, own.as_ref(), known));
    let provider = provider.transpose()?;
    let tolerance = set.tolerance.as_deref().map(read_tolerance).transpose()?;
    Ok(WebhookOptions {
        methods: set.methods.clone(),
        signature: signature(set, provider)?,
        handshake: provider
            .filter(|provider| provider.probes())
            .map(|provider| provider.name().to_owned()),
        reply: reply(set.reply.as_ref())?,
        description: set.description.clone(),
        tolerance,
        cors: set.cors.clone(),
    })
}

/// Returns the signature that a request must have. If the provider signs, its signature is always checked.
fn signature(set: &SetTrigger, provider: Option<&Provider>) -> Result<Option<Signature>, String> {
    let proves = |provider: &&Provider| provider.signs() || provider.probes_with_secret();
    let Some(provider) = provider.filter(proves) else {
        if !set.secrets.is_empty() || !set.settings.is_empty() || set.tolerance.is_some() {
            return Err(
                "`secrets`, `settings` and `tolerance` are for a signature, and no `provider` was given that signs".into(),
            );
        }
        return Ok(None);
    };
    let settings = set.settings.iter();
    let settings = settings.map(|(name, value)| (name.clone(), value.clone()));
    let signature = Signature {
        provider: provider.name().to_owned(),
        secrets: set.secrets.clone(),
        settings: settings.collect(),
    };
    check_signature(provider, &signature)?;
    Ok(Some(signature))
}

fn reply(reply: Option<&TriggerReply>) -> Result<Reply, String> {
    match reply {
        None | Some(TriggerReply::Accepted) => Ok(Reply::Accepted),
        Some(TriggerReply::Fixed {
            status,
            headers,
            body,
        }) => {
            let headers = headers.iter().map(|(name, value)| {
                (
                    name.clone(),
                    Bytes::copy_from_slice(value.as_bytes()),
                )
            });
            let response = journal::Response {
                status: *status,
                headers: headers.collect(),
                body: Bytes::copy_from_slice(body.as_bytes()),
            };
            check_response(&response).map_err(|why| format!("`reply`: {why}"))?;
            Ok(Reply::Fixed(response))
        }
        Some(TriggerReply::Output { within }) => match dormouse_limits::parse_span(within) {
            Ok(0) => Err("`reply` holds the caller for no time; give `within` as at least `1ms`, or reply `accepted`".into()),
            Ok(within) => Ok(Reply::FromWorkflow(within)),
            Err(why) => Err(format!("`within` of `reply` is {within:?}, which {why}")),
        },
    }
}

fn labels(set: &SetTrigger) -> Result<Vec<LabelRule>, String> {
    if set.labels.len() > LABELS {
        let count = set.labels.len();
        return Err(format!(
            "`labels` has {count} labels; a run has at most {LABELS}"
        ));
    }
    let labels = set.labels.iter().map(|(key, value)| {
        let fixed = match value {
            LabelValue::Fixed(value) => value,
            LabelValue::At(place) => {
                checked_place(&format!("the label {key:?}"), place)?;
                ""
            }
        };
        Label::new(key, fixed).map_err(|error| format!("the label {key:?} {error}"))?;
        Ok(LabelRule {
            key: key.clone(),
            value: value.into(),
        })
    });
    labels.collect()
}

fn checked_place(what: &str, place: &Place) -> Result<journal::Place, String> {
    let place = place.into();
    check_place(&place).map_err(|why| format!("{what}: {why}"))?;
    Ok(place)
}

/// Writes the options into the answer about a trigger.
pub(super) fn show(options: &TriggerOptions, shown: &mut Trigger) {
    let webhook = &options.webhook;
    let methods = webhook.delivered_methods().into_iter();
    shown.methods = methods.map(str::to_owned).collect();
    shown.workflow.clone_from(&options.workflow);
    shown.version = options.version.map(|version| version.to_string());
    shown.signature = webhook.signature.as_ref().map(Into::into);
    let signer = webhook.signature.as_ref();
    let signer = signer.map(|signature| signature.provider.clone());
    shown.provider = signer.or_else(|| webhook.handshake.clone());
    shown.description.clone_from(&webhook.description);
    shown.tolerance = webhook.tolerance.map(span);
    shown.cors.clone_from(&webhook.cors);
    shown.reply = (&webhook.reply).into();
    shown.key = options.key.as_ref().map(Into::into);
    shown.on_existing = options.on_existing;
    shown.key_missing = options.key_missing;
    shown.unread = options.unread;
    let labels = options.labels.iter();
    shown.labels = labels
        .map(|rule| (rule.key.clone(), (&rule.value).into()))
        .collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> SetTrigger {
        SetTrigger {
            workflow: "w".into(),
            ..SetTrigger::default()
        }
    }

    #[track_caller]
    fn check_refused(set: &SetTrigger, part: &str) {
        let why = options(set, &Providers::default()).unwrap_err();
        assert!(why.contains(part), "{why}");
    }

    #[test]
    fn contradictory_options_are_refused_with_what_to_change() {
        let with = |change: fn(&mut SetTrigger)| {
            let mut set = set();
            change(&mut set);
            set
        };
        check_refused(&with(|set| set.workflow = "No".into()), "`workflow`");
        check_refused(&with(|set| set.version = Some("1".into())), "`version`");
        check_refused(&with(|set| set.methods = vec!["HEAD".into()]), "HEAD");
        let unknown = with(|set| set.provider = Some("shop".into()));
        check_refused(&unknown, "`dormouse providers`");
        let alike = with(|set| set.provider = Some("Stripe".into()));
        check_refused(&alike, " stripe");
        check_refused(&with(|set| set.tolerance = Some("1w".into())), "`10m`");
        check_refused(&with(|set| set.cors = vec!["a.b".into()]), "`cors` is");
        let wrong = with(|set| set.description = Some("name = 1".into()));
        check_refused(&wrong, "description, line 1");
        check_refused(&with(|set| set.provider = Some("github".into())), "secret");
        check_refused(&with(|set| set.secrets = vec!["s".into()]), "`provider`");
        check_refused(&with(|set| set.tolerance = Some("5m".into())), "`provider`");
        let keyless = with(|set| set.on_existing = Some(OnExisting::Event));
        check_refused(&keyless, "no `key`");
        let pointer = with(|set| set.key = Some(Place::Json("id".into())));
        check_refused(&pointer, "slash");
        let never = TriggerReply::Output {
            within: "0s".into(),
        };
        let mut held = set();
        held.reply = Some(never);
        check_refused(&held, "`within`");
        let many = (0..17).map(|n| (format!("k{n}"), LabelValue::Fixed(String::new())));
        let mut labelled = set();
        labelled.labels = many.collect();
        check_refused(&labelled, "at most 16");
    }

    fn with(provider: &str, secrets: &[&str]) -> SetTrigger {
        SetTrigger {
            provider: Some(provider.into()),
            secrets: secrets.iter().map(|&name| name.to_owned()).collect(),
            ..set()
        }
    }

    #[test]
    fn a_provider_signs_probes_or_both() {
        let checked = |provider: &str, secrets: &[&str]| {
            let options = options(&with(provider, secrets), &Providers::default());
            options.unwrap().webhook
        };
        let slack = checked("slack", &["s"]);
        assert_eq!(slack.handshake.as_deref(), Some("slack"));
        assert_eq!(slack.signature.unwrap().provider, "slack");
        assert_eq!(checked("github", &["s"]).handshake, None);
        let graph = checked("microsoft-graph", &[]);
        assert_eq!(graph.signature, None);
        assert_eq!(graph.handshake.as_deref(), Some("microsoft-graph"));
        check_refused(&with("microsoft-graph", &["s"]), "that signs");
        check_refused(&with("websub", &[]), "`secrets`");
    }

    #[test]
    fn a_description_of_its_own_is_named_by_the_provider() {
        let text = r#"
name = "acme"
title = "Acme"
page = "https://acme.example"
[[signature]]
algorithm = "token"
signature = { header = "X-Token" }
[[vector]]
from = "made"
secret = "s"
headers = { "X-Token" = "s" }
verdict = "accepted"
"#;
        let own = |provider: &str| SetTrigger {
            description: Some(text.into()),
            tolerance: Some("10m".into()),
            cors: vec!["https://app.example".into()],
            ..with(provider, &["s"])
        };
        let checked = options(&own("acme"), &Providers::default());
        let checked = checked.unwrap().webhook;
        assert_eq!(checked.signature.unwrap().provider, "acme");
        assert_eq!(checked.description.as_deref(), Some(text));
        assert_eq!(checked.tolerance, Some(600_000));
        assert_eq!(checked.cors, ["https://app.example"]);
        check_refused(&own("github"), "would do nothing");
        check_refused(&with("acme", &["s"]), "a `description` of its own");
    }
}
