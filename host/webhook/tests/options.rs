//! The options of a signature check.

use crate::support::SCHEMES;
use dormouse_journal::Signature;
use dormouse_webhook::check_signature;
use dormouse_webhook::provider::Providers;

fn signature(provider: &str, secrets: &[&str], settings: &[(&str, &str)]) -> Signature {
    let settings = settings.iter();
    Signature {
        provider: provider.into(),
        secrets: secrets.iter().map(|name| (*name).to_owned()).collect(),
        settings: settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn told(signature: &Signature) -> Result<(), String> {
    let providers = Providers::default();
    let provider = providers.get(&signature.provider).unwrap();
    check_signature(provider, signature).map(|_| ())
}

#[track_caller]
fn refused(signature: &Signature, word: &str) {
    let told = told(signature).unwrap_err();
    assert!(told.contains(word), "{told}");
    assert!(told.len() < 400, "{told}");
}

const HEADER: (&str, &str) = ("header", "X-Signature");

#[test]
fn invalid_names_of_secrets_are_reported() {
    for scheme in SCHEMES {
        let settings: &[_] = if scheme == "hmac-sha256" {
            &[HEADER]
        } else {
            &[]
        };
        assert_eq!(
            told(&signature(scheme, &["provider"], settings)),
            Ok(()),
            "{scheme}"
        );
    }
    refused(&signature("stripe", &[], &[]), "at least one");
    refused(&signature("stripe", &["s"; 11], &[]), "at most 10");
    assert_eq!(told(&signature("stripe", &["s"; 10], &[])), Ok(()));
    let long = "n".repeat(65);
    for name in [
        "",
        "a b",
        "a/b",
        "\u{e9}",
        "a\n",
        &long,
        &"\u{e9}".repeat(5_000),
    ] {
        refused(
            &signature("stripe", &["fine", name], &[]),
            "a secret's name",
        );
    }
    let names = ["Az09._-", &long[1..]];
    assert_eq!(told(&signature("stripe", &names, &[])), Ok(()));
    refused(
        &signature("microsoft-graph", &["s"], &[]),
        "does not sign its requests",
    );
}

#[test]
fn invalid_settings_are_reported() {
    let hmac = |settings: &[(&str, &str)]| signature("hmac-sha256", &["s"], settings);
    let long = "n".repeat(65);
    refused(&hmac(&[]), "no setting `header`: name the header");
    for name in ["", "a b", "a:b", "\u{e9}", "a\r\n", &long] {
        refused(&hmac(&[("header", name)]), "the name of a header");
    }
    for prefix in [" a", "a\n", "\u{e9}", &long] {
        refused(&hmac(&[HEADER, ("prefix", prefix)]), "prefix");
    }
    assert_eq!(told(&hmac(&[HEADER])), Ok(()));
    refused(&hmac(&[HEADER, HEADER]), "twice");
    for scheme in SCHEMES.into_iter().filter(|name| *name != "hmac-sha256") {
        refused(&signature(scheme, &["s"], &[HEADER]), "it has none");
    }
    refused(&hmac(&[HEADER, (&long, "")]), "it has header, prefix");
}
