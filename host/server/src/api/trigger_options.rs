//! What a request to set a trigger says: checked, and converted to what is stored.

use bytes::Bytes;
use dormouse_api::request::workflow_name;
use dormouse_api::{LabelValue, Place, SetTrigger, Trigger, TriggerReply};
use dormouse_journal::{
    self as journal, Handshake, KeyMissing, LABELS, Label, LabelRule, OnExisting, Reply, Signature,
    SignatureScheme, TriggerOptions, Unread, WebhookOptions,
};
use dormouse_webhook::{check_methods, check_place, check_response, check_signature};

/// Returns the options as they are stored.
///
/// # Errors
/// When they make no sense. The sentence says what to change.
pub(super) fn options(set: &SetTrigger) -> Result<TriggerOptions, String> {
    if workflow_name(&set.workflow).is_err() {
        return Err(format!(
            "`workflow` is {:?}; a workflow's name has 1 to 64 characters out of a-z, 0-9, - and _",
            set.workflow
        ));
    }
    let version = set.version.as_deref().map(str::parse).transpose();
    let version = version.map_err(|_| {
        "`version` is no version: give the 64 hexadecimal digits that `dormouse workflows` lists"
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
        webhook: webhook_options(set)?,
        key: key.transpose()?,
        on_existing: set.on_existing.unwrap_or(OnExisting::Answer),
        key_missing: set.key_missing.unwrap_or(KeyMissing::Start),
        unread: set.unread.unwrap_or(Unread::Start),
        labels: labels(set)?,
    })
}

/// Returns how requests are checked and answered. This is the one place where what a trigger says of its provider becomes
/// what a webhook is checked by.
fn webhook_options(set: &SetTrigger) -> Result<WebhookOptions, String> {
    check_methods(&set.methods).map_err(|why| format!("`methods`: {why}"))?;
    let provider = set.provider.as_deref();
    let scheme = SignatureScheme::ALL
        .into_iter()
        .find(|scheme| Some(scheme.name()) == provider);
    let handshake = Handshake::NAMED
        .into_iter()
        .find(|handshake| Some(handshake.name()) == provider);
    if let (Some(provider), None, None) = (provider, scheme, handshake) {
        let schemes = SignatureScheme::ALL.map(SignatureScheme::name);
        let handshakes = Handshake::NAMED.map(Handshake::name);
        let mut known = [&schemes[..], &handshakes[..]].concat();
        known.sort_unstable();
        known.dedup();
        let known = known.join(", ");
        return Err(format!(
            "`provider` is {provider:?}, which this host does not know; it knows {known}"
        ));
    }
    Ok(WebhookOptions {
        methods: set.methods.clone(),
        signature: signature(set, scheme)?,
        handshake: handshake.unwrap_or(Handshake::None),
        reply: reply(set.reply.as_ref())?,
    })
}

fn signature(
    set: &SetTrigger,
    scheme: Option<SignatureScheme>,
) -> Result<Option<Signature>, String> {
    let Some(scheme) = scheme else {
        if !set.secrets.is_empty() || !set.settings.is_empty() {
            return Err(
                "`secrets` and `settings` are for a signature, and no `provider` was given that signs".into(),
            );
        }
        return Ok(None);
    };
    let known = ["header", "prefix"];
    if let Some(unknown) = set
        .settings
        .keys()
        .find(|name| !known.contains(&name.as_str()))
    {
        return Err(format!(
            "`settings` has {unknown:?}, which is not known; it knows header, prefix"
        ));
    }
    let signature = Signature {
        scheme,
        secrets: set.secrets.clone(),
        header: set.settings.get("header").cloned(),
        prefix: set.settings.get("prefix").cloned(),
    };
    check_signature(&signature)?;
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
            Err(why) => Err(format!("`within` of `reply` is {within:?}: {why}")),
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

/// Writes the options into what is shown of a trigger.
pub(super) fn show(options: &TriggerOptions, shown: &mut Trigger) {
    let webhook = &options.webhook;
    let methods = webhook.delivered_methods().into_iter();
    shown.methods = methods.map(str::to_owned).collect();
    shown.workflow.clone_from(&options.workflow);
    shown.version = options.version.map(|version| version.to_string());
    shown.signature = webhook.signature.as_ref().map(Into::into);
    shown.provider = match (&webhook.signature, webhook.handshake) {
        (Some(signature), _) => Some(signature.scheme.name().to_owned()),
        (None, Handshake::None) => None,
        (None, handshake) => Some(handshake.name().to_owned()),
    };
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
        let why = options(set).unwrap_err();
        assert!(why.contains(part), "{why}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_to_change() {
        let with = |change: fn(&mut SetTrigger)| {
            let mut set = set();
            change(&mut set);
            set
        };
        check_refused(&with(|set| set.workflow = "No".into()), "`workflow`");
        check_refused(&with(|set| set.version = Some("1".into())), "`version`");
        check_refused(&with(|set| set.methods = vec!["HEAD".into()]), "HEAD");
        let unknown = with(|set| set.provider = Some("shop".into()));
        check_refused(&unknown, "it knows github");
        check_refused(&with(|set| set.provider = Some("github".into())), "secret");
        check_refused(&with(|set| set.secrets = vec!["s".into()]), "`provider`");
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

    #[test]
    fn a_provider_signs_probes_or_both() {
        let with = |provider: &str, secrets: &[&str]| {
            let mut set = set();
            set.provider = Some(provider.into());
            set.secrets = secrets.iter().map(|&name| name.to_owned()).collect();
            options(&set).unwrap().webhook
        };
        let slack = with("slack", &["s"]);
        assert_eq!(slack.handshake, Handshake::Slack);
        assert_eq!(slack.signature.unwrap().scheme, SignatureScheme::Slack);
        assert_eq!(with("github", &["s"]).handshake, Handshake::None);
        assert_eq!(with("websub", &[]).signature, None);
    }
}
