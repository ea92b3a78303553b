//! The options of a webhook: checks them, and converts them to the form that the journal records.

use dormouse_journal::{self as journal, Reply};
use dormouse_webhook::provider::{Provider, Providers};
use dormouse_webhook::{
    check_methods, check_origins, check_signature, find_provider, own_provider, read_tolerance,
};

use crate::bindings::dormouse::workflow::webhooks as contract;
use crate::limits;
use crate::settings;
use crate::stop::Stop;

/// The names of further settings of a webhook.
const DESCRIPTION: &str = "description";
const TOLERANCE: &str = "tolerance";
const CORS: &str = "cors";

/// The longest name and the longest value of a setting of a signature, in bytes.
const SETTING_LENGTH: usize = 256;

/// Returns the options as they are recorded, or stops a guest whose options are not valid on any host.
pub(crate) fn checked(options: contract::WebhookOptions) -> Result<journal::WebhookOptions, Stop> {
    check_methods(&options.methods).map_err(misuse)?;
    let further = [DESCRIPTION, TOLERANCE, CORS];
    settings::refuse_unknown("create-webhook", &options.settings, &further)?;
    let mut checked = journal::WebhookOptions {
        methods: options.methods,
        signature: options.signature.map(checked_signature).transpose()?,
        handshake: options.handshake,
        reply: checked_reply(options.reply)?,
        ..journal::WebhookOptions::default()
    };
    for (name, value) in options.settings {
        match name.as_str() {
            CORS => checked.cors.push(value),
            TOLERANCE => {
                let tolerance = read_tolerance(&value).map_err(misuse)?;
                once(&mut checked.tolerance, &name, tolerance)?;
            }
            _ => once(&mut checked.description, &name, value)?,
        }
    }
    check_origins(&checked.cors).map_err(misuse)?;
    Ok(checked)
}

/// Sets a setting that may be given only once.
fn once<T>(setting: &mut Option<T>, name: &str, value: T) -> Result<(), Stop> {
    match setting.replace(value) {
        None => Ok(()),
        Some(_) => Err(misuse(format!(
            "the setting {name:?} was given twice; give it once"
        ))),
    }
}

/// Stops a guest that names providers which this host does not know, or uses them in a wrong way.
pub(crate) fn check_providers(
    options: &journal::WebhookOptions,
    providers: &Providers,
) -> Result<(), Stop> {
    let own = options
        .description
        .as_deref()
        .map(own_provider)
        .transpose()
        .map_err(misuse)?;
    let signer = options
        .signature
        .as_ref()
        .map(|check| check.provider.as_str());
    let handshake = options.handshake.as_deref();
    let find = |what, name: &str| -> Result<&Provider, Stop> {
        find_provider(what, name, own.as_ref(), providers).map_err(misuse)
    };
    if let Some(own) = &own
        && ![signer, handshake].contains(&Some(own.name()))
    {
        return Err(misuse(format!(
            "the description has the name {:?}, which neither `scheme` nor `handshake` names, so that it would do \
             nothing; name it there",
            own.name()
        )));
    }
    if let Some(signature) = &options.signature {
        let provider = find("the signature check", &signature.provider)?;
        check_signature(provider, signature).map_err(misuse)?;
    }
    match handshake {
        // An author who names the same provider for both need not know whether it probes.
        Some(name) if !find("the handshake", name)?.probes() && signer != Some(name) => {
            Err(misuse(format!(
                "the handshake is `{name}`, which does not probe a URL; leave the handshake out, or give the secrets by which \
                 the provider's signature is checked"
            )))
        }
        _ => Ok(()),
    }
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
    let contract::Signature {
        scheme,
        secrets,
        mut settings,
    } = signature;
    settings::check_count("create-webhook", &settings)?;
    let mut sizes = settings
        .iter()
        .flat_map(|(name, value)| [name.len(), value.len()]);
    if sizes.any(|size| size > SETTING_LENGTH) {
        return Err(misuse(format!(
            "a setting of the signature check has more than {SETTING_LENGTH} bytes"
        )));
    }
    // The order of the settings has no meaning.
    settings.sort();
    Ok(journal::Signature {
        provider: scheme,
        secrets,
        settings,
    })
}

/// The largest size of the options of a webhook in bytes. They are read with every request to the webhook, and written
/// with it, because they are in the row that counts its requests.
const MOST: usize = 64 << 10;

/// The number of webhooks of a run that may have options of the largest size.
const LARGE: usize = 64;

/// The largest size of the options of further webhooks, in bytes. The options of all webhooks of a run are in memory when
/// the webhooks are listed and when the run is rebuilt, so these limits bound their sum.
const MOST_OF_MANY: usize = 4 << 10;

/// Stops a guest whose options are larger than every request to the webhook can bear. `have` is the number of webhooks
/// that the run has already.
pub(crate) fn check_size(options: &journal::WebhookOptions, have: usize) -> Result<(), Stop> {
    let size = size(options);
    let most = if have < LARGE { MOST } else { MOST_OF_MANY };
    if size <= most {
        return Ok(());
    }
    let why = if size <= MOST {
        format!(", because the run has {LARGE} webhooks or more")
    } else {
        String::new()
    };
    Err(misuse(format!(
        "the options of this webhook may have {most} bytes together{why}, and they have {size}; a larger response can be \
         given with `respond`, by a webhook with the reply `from-workflow`"
    )))
}

/// Returns the approximate size of the options in the journal and in the store, in bytes.
pub(crate) fn size(options: &journal::WebhookOptions) -> usize {
    let texts = options.signature.as_ref().map_or(0, |signature| {
        let given = signature.settings.iter();
        let given: usize = given.map(|(name, value)| name.len() + value.len()).sum();
        given + signature.secrets.iter().map(String::len).sum::<usize>()
    });
    let further = options.description.iter().chain(&options.cors);
    let texts = texts + further.map(String::len).sum::<usize>();
    let response = match &options.reply {
        Reply::Fixed(response) => response_size(response),
        Reply::Accepted | Reply::FromWorkflow(_) => 0,
    };
    texts + response
}

/// Returns the approximate size of a response in the journal and in the store, in bytes.
pub(crate) fn response_size(response: &journal::Response) -> usize {
    limits::headers_size(&response.headers) + response.body.len()
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

    #[test]
    fn only_some_webhooks_of_a_run_have_large_options() {
        let sized = |size: usize| journal::WebhookOptions {
            description: Some("d".repeat(size)),
            ..checked(options()).unwrap()
        };
        check_size(&sized(MOST), LARGE - 1).unwrap();
        check_size(&sized(MOST_OF_MANY), LARGE).unwrap();
        check_size(&sized(MOST + 1), 0).unwrap_err();
        let refused = check_size(&sized(MOST_OF_MANY + 1), LARGE).unwrap_err();
        let text = format!("{refused:?}");
        assert!(
            text.contains("4096 bytes together, because the run has 64"),
            "{text}"
        );
    }

    fn on_host(options: contract::WebhookOptions) -> Result<journal::WebhookOptions, Stop> {
        let options = checked(options)?;
        check_providers(&options, &Providers::default())?;
        Ok(options)
    }

    #[track_caller]
    fn check_refused(options: contract::WebhookOptions, parts: &[&str]) {
        let text = match on_host(options) {
            Err(Stop::Misuse(text)) => text,
            other => panic!("{:?}", other.map_err(|_| "another stop")),
        };
        for part in parts {
            assert!(text.contains(part), "{text}");
        }
    }

    fn with(settings: &[(&str, &str)]) -> contract::WebhookOptions {
        let settings = settings.iter();
        let settings = settings.map(|(name, value)| ((*name).into(), (*value).into()));
        contract::WebhookOptions {
            settings: settings.collect(),
            ..options()
        }
    }

    #[test]
    fn names_that_are_not_known_are_refused_with_those_that_are_alike() {
        check_refused(
            signed("nobody", &[]),
            &["\"nobody\"", "`dormouse providers`"],
        );
        check_refused(signed("Stripe", &[]), &["\"Stripe\"", " stripe"]);
        check_refused(
            signed("paypal", &[]),
            &["\"paypal\"", "cannot be checked: it signs by RSA"],
        );
        for handshake in ["none", "github"] {
            let handshake = contract::WebhookOptions {
                handshake: Some(handshake.into()),
                ..options()
            };
            check_refused(handshake, &["the handshake is"]);
        }
        check_refused(
            with(&[("patience", "10m")]),
            &["\"patience\"", "description, tolerance, cors"],
        );
        check_refused(
            signed("github", &[("x".repeat(100).as_str(), "")]),
            &["x\"…", "none"],
        );
    }

    #[test]
    fn a_setting_is_given_once() {
        let twice = [("header", "a"), ("header", "b")];
        check_refused(signed("hmac-sha256", &twice), &["\"header\"", "twice"]);
        let twice = [("tolerance", "1s"), ("tolerance", "2s")];
        check_refused(with(&twice), &["\"tolerance\"", "twice"]);
    }

    #[test]
    fn every_provider_can_be_named() {
        for provider in Providers::default().all() {
            let required = provider.settings().iter();
            let required = required.filter(|setting| setting.default.is_none());
            let settings: Vec<_> = required
                .map(|setting| (setting.name.as_str(), "x"))
                .collect();
            if provider.signs() {
                let options = contract::WebhookOptions {
                    handshake: Some(provider.name().into()),
                    ..signed(provider.name(), &settings)
                };
                let checked = on_host(options).unwrap();
                assert_eq!(checked.signature.unwrap().provider, provider.name());
            }
        }
    }

    #[test]
    fn tolerances_and_origins_are_read_or_refused() {
        for (text, expected) in [
            ("1500", 1_500),
            ("20ms", 20),
            ("90s", 90_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
        ] {
            let checked = on_host(with(&[("tolerance", text)])).unwrap();
            assert_eq!(checked.tolerance, Some(expected), "{text}");
        }
        for text in ["", "0", "m", "-1s", "1w", "99999999999999999999d"] {
            check_refused(with(&[("tolerance", text)]), &["the tolerance is", "`10m`"]);
        }
        let two = [
            ("cors", "https://app.example"),
            ("cors", "http://localhost:3000"),
        ];
        assert_eq!(
            on_host(with(&two)).unwrap().cors,
            ["https://app.example", "http://localhost:3000"]
        );
        for text in [
            "",
            "https://",
            "app.example",
            "https://a/",
            "https://A",
            "https://a\r\nb",
        ] {
            check_refused(with(&[("cors", text)]), &["`cors` is"]);
        }
        check_refused(with(&[("cors", "*"); 17]), &["17 origins"]);
    }

    #[test]
    fn a_description_of_its_own_is_compiled_and_tried() {
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
        let own = |text: &str| contract::WebhookOptions {
            settings: vec![("description".into(), text.into())],
            ..signed("acme", &[])
        };
        assert!(on_host(own(text)).is_ok());
        check_refused(own("name = 1"), &["description, line 1: "]);
        check_refused(
            own(&text.replace("\"token\"", "\"md5\"")),
            &["line 6", "hmac-sha256"],
        );
        check_refused(
            own(&text.replace("= \"s\" }", "= \"t\" }")),
            &["signature-wrong"],
        );
        check_refused(
            own(&text.replace("\"acme\"", "\"stripe\"")),
            &["another name"],
        );
        check_refused(
            own(&text.replace("\"acme\"", "\"other\"")),
            &["would do nothing"],
        );
        check_refused(own(&"#".repeat(20_000)), &["--providers-dir"]);
        // Recorded options are not checked again.
        assert!(checked(own("name = 1")).is_ok());
    }
}
