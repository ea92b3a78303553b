//! The format of descriptions, and the errors of wrong ones.

use dormouse_journal::{Request, Time};
use dormouse_webhook::Rejected;
use dormouse_webhook::provider::{Provider, Unanswered};

use crate::support::{request, verify, within};

const START: &str = "name = \"acme\"\ntitle = \"Acme\"\npage = \"https://acme.example\"\n";
const VECTOR: &str = "\n[[vector]]\nfrom = \"made\"\nverdict = \"accepted\"\n";

fn compiled(rules: &str) -> Result<Provider, String> {
    let text = format!("{START}{rules}{VECTOR}");
    Provider::compile("acme.toml", &text).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(rules: &str, line: usize, parts: &[&str]) {
    let told = compiled(rules).unwrap_err();
    assert!(
        told.starts_with(&format!("acme.toml, line {line}: ")),
        "{told}"
    );
    for part in parts {
        assert!(told.contains(part), "{told}");
    }
}

fn signed(rest: &str) -> String {
    format!(
        "[[signature]]\nalgorithm = \"hmac-sha256\"\nsignature = {{ header = \"X\" }}\n{rest}\n"
    )
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_allowed_ones() {
    refused("colour = 1", 4, &["`colour`", "`masked`"]);
    refused(&signed("sined = \"{body}\""), 7, &["`sined`", "`signed`"]);
    refused(&signed("signed = \"{bodi}\""), 7, &["`{bodi}`", "{body}"]);
    refused(&signed("signed = \"{body\""), 7, &["`{{`"]);
    refused(&signed("signed = \"a}\""), 7, &["`}}`"]);
    refused(&signed("signed = \"{lower:{body}\""), 7, &["not closed"]);
    refused(&signed("signed = \"{json:a}\""), 7, &["JSON pointer"]);
    refused(&signed("signed = \"{setting:a}\""), 7, &["[settings.a]"]);
    let token = "[[signature]]\nalgorithm = \"rsa\"\n";
    refused(token, 5, &["`rsa`", "`ecdsa-p256`"]);
    refused("[[signature]]\nalgorithm = \"token\"\n", 4, &["no place"]);
}

#[test]
fn a_description_that_proves_nothing_is_refused() {
    refused(
        &signed("signed = \"{timestamp}{body}\""),
        7,
        &["`timestamp`"],
    );
    let unsigned = "signed = \"{body}\"\ntimestamp = { place = { header = \"T\" }, unit = \"s\" }";
    refused(&signed(unsigned), 7, &["not signed"]);
    refused(&signed("signed = \"{body}{secret}\""), 7, &["plain digest"]);
    let plain = signed("signed = \"{body}\"").replace("hmac-sha256", "sha256");
    refused(&plain, 7, &["`{secret}`"]);
    let leak = "[[handshake]]\nmethod = \"GET\"\nwhen = [{ query = \"a\" }]\nanswer = { text = \"{secret}\" }";
    refused(leak, 7, &["only in a digest"]);
    refused(
        &leak.replace("when = [{ query = \"a\" }]", "when = []"),
        4,
        &["`when`"],
    );
}

#[test]
fn sizes_have_bounds() {
    let many = |rule: &str, count: usize| rule.repeat(count);
    let signature = signed("signed = \"{body}\"");
    refused(&many(&signature, 17), 4 + 16 * 4, &["at most 16"]);
    let pieces = format!("signed = \"{}\"", "{body}".repeat(65));
    refused(&signed(&pieces), 7, &["at most 64 pieces"]);
    let places = format!("signed = \"{}\"", "{query:a}".repeat(64));
    refused(&signed(&places), 7, &["at most 64 places"]);
    let deep = format!(
        "signed = \"{}{{body}}{}\"",
        "{lower:".repeat(9),
        "}".repeat(9)
    );
    refused(&signed(&deep), 7, &["deep"]);
    refused(&format!("# {}", "x".repeat(65 << 10)), 1, &["65536"]);
}

#[test]
fn each_element_of_an_array_is_signed_for_itself() {
    let rules = "[[signature]]\nalgorithm = \"token\"\nsignature = { json = \"/items/*/token\" }\neach = \"/items\"\n";
    let provider = compiled(rules).unwrap();
    let check = provider.check(&[]).unwrap();
    let verdict = |body: &str| {
        let request = request(&[], body.as_bytes());
        verify(&check, &[b"s"], &request, Time(0), 0)
    };
    assert_eq!(
        verdict(r#"{"items":[{"token":"s"},{"token":"s"}]}"#),
        Ok(())
    );
    let wrong = verdict(r#"{"items":[{"token":"s"},{"token":"x"}]}"#);
    assert_eq!(wrong, Err(Rejected::Wrong));
    let missing = verdict(r#"{"items":[{"token":"s"},{"other":"s"}]}"#);
    assert_eq!(missing, Err(Rejected::Missing));
    for body in [r#"{"items":[]}"#, "{}", "[", r#"{"items":{"token":"s"}}"#] {
        assert_eq!(verdict(body), Err(Rejected::Malformed), "{body}");
    }
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let rules = "[[signature]]\nalgorithm = \"token\"\nsignature = { json = \"/a/token\" }\n";
    let provider = compiled(rules).unwrap();
    let check = provider.check(&[]).unwrap();
    let verdict = |body: &str| {
        let request = request(&[], body.as_bytes());
        verify(&check, &[b"s"], &request, Time(0), 0)
    };
    assert_eq!(verdict(r#"{"a":{"token":"s"}}"#), Ok(()));
    for body in [
        r#"{"a":{"token":"s","token":"s"}}"#,
        r#"{"a":{"token":"s"},"a":{}}"#,
    ] {
        assert_eq!(verdict(body), Err(Rejected::Malformed), "{body}");
    }
    let deep = format!("{}\"s\"{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert!(verdict(&deep).is_err());
}

/// Or a probe would sign for whoever asks.
#[test]
fn only_words_are_hashed_for_an_outsider() {
    let rules = "[[handshake]]\nmethod = \"GET\"\nwhen = [{ query = \"c\" }]\nanswer = { text = \"{hmac-sha256-hex:{query:c}}\" }";
    let provider = compiled(rules).unwrap();
    let check = provider.check(&[]).unwrap();
    let answered = |query: &str| {
        let request = Request {
            method: "GET".into(),
            url: format!("https://h.example/hooks/t?c={query}"),
            ..request(&[], b"")
        };
        check.probe(&request).unwrap().answer(&[b"s"]).map(|_| ())
    };
    assert_eq!(answered("abc-DEF_1.2~3%2B%2F%3D"), Ok(()));
    for query in ["", "%7B%7D", "a%20b", "a:b", "%22", "a%26b", "%C3%BC"] {
        assert_eq!(answered(query), Err(Unanswered::Unanswerable), "{query}");
    }
}

#[test]
fn a_webhooks_tolerance_goes_before_its_providers_and_the_host_caps_both() {
    let rules = signed(
        "signed = \"{timestamp}\"\ntimestamp = { place = { header = \"T\" }, unit = \"s\", tolerance = \"1h\" }",
    );
    let provider = compiled(&rules).unwrap();
    let check = provider.check(&[]).unwrap();
    let signature = "0".repeat(64);
    let head = request(&[("X", &signature), ("T", "0")], b"");
    let claimed = |now: u64, own, most| {
        let tolerance = dormouse_webhook::provider::Tolerance {
            own,
            most,
            ..within(1)
        };
        check.read_head(&head, Time(now), tolerance).map(|_| ())
    };
    const HOUR: u64 = 3_600_000;
    assert_eq!(claimed(HOUR, None, u64::MAX), Ok(()));
    assert_eq!(claimed(HOUR + 1, None, u64::MAX), Err(Rejected::Stale));
    assert_eq!(claimed(HOUR + 1, Some(2 * HOUR), u64::MAX), Ok(()));
    assert_eq!(claimed(HOUR, Some(1), u64::MAX), Err(Rejected::Stale));
    assert_eq!(claimed(HOUR, None, HOUR - 1), Err(Rejected::Stale));
    assert_eq!(claimed(HOUR, Some(HOUR), HOUR - 1), Err(Rejected::Stale));
}
