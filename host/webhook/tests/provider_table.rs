//! Compares the table of providers in the book with the descriptions, and checks that the vectors of each
//! description cover its rules.

use std::collections::BTreeMap;

use dormouse_webhook::provider::{Provider, Providers, UnsupportedProvider};

/// Returns the rows of a table in `docs/reference/providers.md`, by the name in their first cell.
fn table(after: &str) -> BTreeMap<String, Vec<String>> {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/providers.md"
    );
    let page = std::fs::read_to_string(page).unwrap();
    let (_, part) = page.split_once(after).unwrap();
    let part = part.split("\n## ").next().unwrap();
    let rows = part.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|row| {
        let cells = row.trim_matches('|').split(" | ");
        let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
        (cells[0].trim_matches('`').to_owned(), cells)
    });
    rows.collect()
}

#[test]
fn the_table_has_every_description_and_what_it_can() {
    let mut rows = table("\n## Known");
    for provider in Providers::default().all() {
        let row = rows.remove(provider.name());
        let row = row.unwrap_or_else(|| panic!("{} is not in the table", provider.name()));
        let link = format!("[{}]({})", provider.title(), provider.page());
        assert_eq!(row[1], link, "{}", provider.name());
        assert_eq!(row[2] != "nothing", provider.signs(), "{}", provider.name());
        assert_eq!(row[3] != "—", provider.repeats(), "{}", provider.name());
        assert_eq!(row[4] != "—", provider.probes(), "{}", provider.name());
        let teaches = row[4].contains("teaches the secret");
        assert_eq!(
            teaches,
            provider.probe_contains_secret(),
            "{}",
            provider.name()
        );
    }
    assert!(rows.is_empty(), "not compiled in: {:?}", rows.keys());
}

#[test]
fn the_table_has_every_provider_that_cannot_be_described() {
    let mut rows = table("\n## Not possible");
    for unsupported in UnsupportedProvider::all() {
        let row = rows.remove(unsupported.name).unwrap();
        assert_eq!(
            row[1..],
            [unsupported.title, unsupported.why, unsupported.instead]
        );
        assert!(!Providers::is_built_in(unsupported.name));
        assert_eq!(UnsupportedProvider::of(unsupported.name), Some(unsupported));
    }
    assert!(rows.is_empty(), "{:?}", rows.keys());
    assert_eq!(UnsupportedProvider::of("github"), None);
}

/// A rule that no vector tries may be wrong without anybody noticing.
#[test]
fn every_rule_is_tried_by_a_vector() {
    for (file, text) in Providers::built_in_files() {
        let provider = Provider::compile(file, text).unwrap();
        let tries = |verdict: &str| text.contains(&format!("verdict = \"{verdict}\""));
        assert!(tries("accepted"), "{file} has no request that is right");
        let refuses = tries("signature-wrong");
        assert_eq!(provider.signs(), refuses, "{file}: a request that is wrong");
        assert_eq!(provider.probes(), tries("answered"), "{file}: a probe");
        let known = text.contains("\nkey = [\"");
        assert_eq!(provider.repeats(), known, "{file}: a repeat's name");
        assert!(provider.note().is_some(), "{file} has no note");
    }
}

#[test]
fn an_unknown_provider_is_answered_with_the_reason_or_similar_names() {
    let known = Providers::default();
    let paypal = known.suggestion("paypal");
    assert!(paypal.starts_with("PayPal's webhooks cannot be checked: it signs by RSA"));
    assert!(paypal.contains("verify-webhook-signature"));
    for (given, meant) in [
        ("GitHub", "github"),
        ("standardwebhooks", "standard-webhooks"),
        ("lemonsqueezy", "lemon-squeezy"),
        ("shopfy", "shopify"),
        ("stripe-webhooks", "stripe"),
    ] {
        let told = known.suggestion(given);
        assert!(told.contains(&format!(" {meant}")), "{given}: {told}");
    }
    let other = known.suggestion("☃");
    assert!(other.contains("`dormouse providers`"), "{other}");
}
