//! The options of a webhook: checked, and converted to what the journal records.

use dormouse_journal::{self as journal, Handshake, Reply, SignatureScheme};

use crate::bindings::dormouse::workflow::webhooks as contract;
use crate::settings;
use crate::stop::Stop;

/// The settings of `hmac-sha256`: the header that carries the digest, and what stands before it there.
const HEADER: &str = "header";
const PREFIX: &str = "prefix";

/// Returns the options as they are recorded, or stops a guest whose options make no sense.
pub(crate) fn checked(options: contract::WebhookOptions) -> Result<journal::WebhookOptions, Stop> {
    dormouse_webhook::check_methods(&options.methods).map_err(misuse)?;
    settings::refuse_unknown("create-webhook", &options.settings, &[])?;
    Ok(journal::WebhookOptions {
        methods: options.methods,
        signature: options.signature.map(checked_signature).transpose()?,
        handshake: checked_handshake(options.handshake.as_deref())?,
        reply: checked_reply(options.reply)?,
    })
}

fn misuse(text: impl Into<String>) -> Stop {
    Stop::Misuse(format!("`create-webhook`: {}", text.into()))
}

fn checked_reply(reply: contract::Reply) -> Result<Reply, Stop> {
    match reply {
        contract::Reply::Accepted => Ok(Reply::Accepted),
        contract::Reply::Fixed(response) => {
            let response = response.into();
            dormouse_webhook::check_response(&response).map_err(misuse)?;
            Ok(Reply::Fixed(response))
        }
        contract::Reply::FromWorkflow(0) => Err(misuse(
            "the reply `from-workflow` was given no time; give at least 1 ms, or reply `accepted`",
        )),
        contract::Reply::FromWorkflow(within) => Ok(Reply::FromWorkflow(within)),
    }
}

fn checked_signature(signature: contract::Signature) -> Result<journal::Signature, Stop> {
    settings::refuse_unknown("create-webhook", &signature.settings, &[HEADER, PREFIX])?;
    let scheme = settings::by_name(
        "create-webhook",
        "the signature check",
        &signature.scheme,
        &SignatureScheme::ALL,
        SignatureScheme::name,
    )?;
    let mut header = None;
    let mut prefix = None;
    for (name, value) in signature.settings {
        let setting = if name == HEADER {
            &mut header
        } else {
            &mut prefix
        };
        if setting.replace(value).is_some() {
            return Err(misuse(format!(
                "the setting {name:?} was given twice; give it once"
            )));
        }
    }
    let signature = journal::Signature {
        scheme,
        secrets: signature.secrets,
        header,
        prefix,
    };
    dormouse_webhook::check_signature(&signature).map_err(misuse)?;
    Ok(signature)
}

fn checked_handshake(name: Option<&str>) -> Result<Handshake, Stop> {
    name.map_or(Ok(Handshake::None), |name| {
        settings::by_name(
            "create-webhook",
            "the handshake",
            name,
            &Handshake::NAMED,
            Handshake::name,
        )
    })
}

/// Returns about how many bytes the options take in the journal and in the store.
pub(crate) fn size(options: &journal::WebhookOptions) -> usize {
    let texts = options.signature.as_ref().map_or(0, |signature| {
        let given = [&signature.header, &signature.prefix];
        let given: usize = given.into_iter().flatten().map(String::len).sum();
        given + signature.secrets.iter().map(String::len).sum::<usize>()
    });
    let response = match &options.reply {
        Reply::Fixed(response) => response_size(response),
        Reply::Accepted | Reply::FromWorkflow(_) => 0,
    };
    texts + response
}

/// Returns about how many bytes a response takes in the journal and in the store.
pub(crate) fn response_size(response: &journal::Response) -> usize {
    let headers = response.headers.iter();
    let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
    headers + response.body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> contract::WebhookOptions {
        contract::WebhookOptions {
            methods: Vec::new(),
            signature: None,
            handshake: None,
            reply: contract::Reply::Accepted,
            settings: Vec::new(),
        }
    }

    fn signed(scheme: &str, settings: &[(&str, &str)]) -> contract::WebhookOptions {
        let settings = settings.iter();
        let settings = settings.map(|(name, value)| ((*name).into(), (*value).into()));
        contract::WebhookOptions {
            signature: Some(contract::Signature {
                scheme: scheme.into(),
                secrets: vec!["s".into()],
                settings: settings.collect(),
            }),
            ..options()
        }
    }

    #[track_caller]
    fn check_refused(options: contract::WebhookOptions, parts: &[&str]) {
        let text = match checked(options) {
            Err(Stop::Misuse(text)) => text,
            other => panic!("{:?}", other.map_err(|_| "another stop")),
        };
        for part in parts {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn names_that_are_not_known_are_refused_with_those_that_are() {
        check_refused(
            signed("shopify", &[]),
            &[
                "\"shopify\"",
                "standard-webhooks, github, stripe, slack, hmac-sha256",
            ],
        );
        let handshake = contract::WebhookOptions {
            handshake: Some("none".into()),
            ..options()
        };
        check_refused(
            handshake,
            &["\"none\"", "slack, meta, microsoft-graph, websub"],
        );
        let unknown = contract::WebhookOptions {
            settings: vec![("tolerance".into(), "10m".into())],
            ..options()
        };
        check_refused(unknown, &["\"tolerance\"", "knows none"]);
        check_refused(
            signed("github", &[("x".repeat(100).as_str(), "")]),
            &["x…\"", "header, prefix"],
        );
    }

    #[test]
    fn a_setting_is_given_once() {
        let twice = [("header", "a"), ("header", "b")];
        check_refused(signed("hmac-sha256", &twice), &["\"header\"", "twice"]);
    }

    #[test]
    fn every_name_is_known() {
        for scheme in SignatureScheme::ALL {
            let settings: &[_] = match scheme {
                SignatureScheme::HmacSha256 => &[("header", "x-mac")],
                _ => &[],
            };
            let checked = checked(signed(scheme.name(), settings)).unwrap();
            assert_eq!(checked.signature.unwrap().scheme, scheme);
        }
        for handshake in Handshake::NAMED {
            let named = contract::WebhookOptions {
                handshake: Some(handshake.name().into()),
                ..options()
            };
            assert_eq!(checked(named).unwrap().handshake, handshake);
        }
    }
}
