//! The keys by which a repeated request is recognised.

use crate::support::{SCHEMES, check as check_of, request};
use dormouse_webhook::{DeliveryKey, DeliveryKeyKind, InvalidKey, OtherBody, delivery_key};
use sha2::{Digest, Sha256};

type Found<'a> = Result<Option<(DeliveryKeyKind, &'a str)>, InvalidKey>;

fn check(scheme: Option<&str>, headers: &[(&str, &str)], body: &str, expected: Found<'_>) {
    let checked = scheme.map(check_of);
    let found = delivery_key(&request(headers, body.as_bytes()), checked.as_ref());
    let expected = expected.map(|key| {
        key.map(|(kind, value)| DeliveryKey {
            kind,
            value: value.into(),
        })
    });
    assert_eq!(found, expected, "{headers:?} {body}");
}

fn of(name: &str, other_body: OtherBody) -> DeliveryKeyKind {
    DeliveryKeyKind::Provider {
        name: name.into(),
        other_body,
    }
}

fn github() -> DeliveryKeyKind {
    of("github", OtherBody::Queue)
}

fn slack() -> DeliveryKeyKind {
    of("slack", OtherBody::Same)
}

fn stripe() -> DeliveryKeyKind {
    of("stripe", OtherBody::Same)
}

const IDEMPOTENCY_KEY: (&str, &str) = ("Idempotency-Key", "order-7");
const WEBHOOK_ID: (&str, &str) = ("Webhook-Id", "msg_7");
const GITHUB: (&str, &str) = ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958");

#[test]
fn the_callers_own_key_goes_before_the_webhook_id_and_that_before_the_providers() {
    let scheme = Some("github");
    let found = Ok(Some((DeliveryKeyKind::IdempotencyKey, "order-7")));
    check(scheme, &[GITHUB, WEBHOOK_ID, IDEMPOTENCY_KEY], "", found);
    check(
        scheme,
        &[GITHUB, WEBHOOK_ID],
        "",
        Ok(Some((DeliveryKeyKind::WebhookId, "msg_7"))),
    );
    check(scheme, &[GITHUB], "", Ok(Some((github(), GITHUB.1))));
    check(scheme, &[], "", Ok(None));
}

/// Or whoever replays a signed request would only have to add a key to have it taken for a new one.
#[test]
fn a_signed_key_takes_precedence_over_keys_that_anybody_can_add() {
    let body = r#"{"id":"evt_1","event_id":"Ev1"}"#;
    for (scheme, kind, value) in [
        (
            "standard-webhooks",
            of("standard-webhooks", OtherBody::Queue),
            "msg_7",
        ),
        ("slack", slack(), "Ev1"),
        ("stripe", stripe(), "evt_1"),
    ] {
        let found = Ok(Some((kind, value)));
        let signature = ("webhook-signature", "v1,x");
        let headers = [IDEMPOTENCY_KEY, WEBHOOK_ID, signature];
        check(Some(scheme), &headers, body, found);
    }
    let found = Ok(Some((DeliveryKeyKind::IdempotencyKey, "order-7")));
    check(Some("stripe"), &[IDEMPOTENCY_KEY], "no event", found);
}

#[test]
fn a_providers_id_counts_only_under_its_own_signature() {
    let body = r#"{"id":"evt_1","event_id":"Ev1"}"#;
    for scheme in SCHEMES.map(Some).into_iter().chain([None]) {
        let expected = match scheme {
            Some("github") => Some((github(), GITHUB.1)),
            Some("slack") => Some((slack(), "Ev1")),
            Some("stripe") => Some((stripe(), "evt_1")),
            Some(_) | None => None,
        };
        check(scheme, &[GITHUB], body, Ok(expected));
    }
}

#[test]
fn a_malformed_idempotency_key_is_refused_and_the_others_are_passed_over() {
    let too_long = "k".repeat(257);
    let scheme = Some("github");
    let byte = |byte, place| Some(InvalidKey::Byte { byte, place });
    for (bad, invalid) in [
        ("", Some(InvalidKey::Empty)),
        (&too_long, None),
        ("a b", None),
        ("\u{fc}", byte(0xc3, 0)),
        ("a\tb", byte(b'\t', 1)),
    ] {
        let own = invalid.map_or(Ok(Some((DeliveryKeyKind::IdempotencyKey, bad))), Err);
        check(scheme, &[("idempotency-key", bad), WEBHOOK_ID], "", own);
        let found = Ok(Some((github(), GITHUB.1)));
        check(scheme, &[("webhook-id", bad), GITHUB], "", found);
        check(scheme, &[("x-github-delivery", bad)], "", Ok(None));
    }
    check(
        None,
        &[IDEMPOTENCY_KEY, ("IDEMPOTENCY-KEY", "order-7")],
        "",
        Err(InvalidKey::Repeated),
    );
    check(None, &[WEBHOOK_ID, WEBHOOK_ID], "", Ok(None));
    check(scheme, &[GITHUB, GITHUB], "", Ok(None));
}

#[test]
fn an_event_id_is_one_string_at_the_top_of_an_object() {
    let scheme = Some("stripe");
    check(
        Some("stripe"),
        &[],
        r#"{"id":1}"#,
        Ok(Some((stripe(), "1"))),
    );
    let found = Ok(Some((stripe(), "evt_1")));
    check(
        scheme,
        &[],
        r#" {"object":"event","id":"evt_1","data":{"object":{"id":"in_1"}}} "#,
        found,
    );
    let too_long = format!(r#"{{"id":"{}"}}"#, "k".repeat(257));
    for body in [
        "",
        "id=evt_1",
        "{}",
        r#"["evt_1"]"#,
        r#"{"id":null}"#,
        r#"{"id":""}"#,
        r#"{"id":"a b"}"#,
        r#"{"id":"evt_1","id":"evt_2"}"#,
        r#"{"data":{"id":"evt_1"}}"#,
        r#"{"id":"evt_1"} {}"#,
        r#"{"id":"evt_1""#,
        &too_long,
    ] {
        check(scheme, &[], body, Ok(None));
        check(
            Some("slack"),
            &[],
            &body.replace("id\"", "event_id\""),
            Ok(None),
        );
    }
}

#[test]
fn endless_nesting_is_not_an_event() {
    let deep = format!(r#"{{"x":{}"#, "[".repeat(1_000_000));
    check(Some("stripe"), &[], &deep, Ok(None));
}

#[test]
fn digests_are_those_that_stores_hold() {
    for (kind, hashed, other_body) in [
        (DeliveryKeyKind::IdempotencyKey, "ikey", OtherBody::Refuse),
        (DeliveryKeyKind::WebhookId, "wkey", OtherBody::Queue),
        (github(), "gkey", OtherBody::Queue),
        (slack(), "skey", OtherBody::Same),
        (stripe(), "tkey", OtherBody::Same),
        (of("acme", OtherBody::Queue), "pacme\nkey", OtherBody::Queue),
        (
            of("standard-webhooks", OtherBody::Queue),
            "wkey",
            OtherBody::Queue,
        ),
    ] {
        let key = DeliveryKey {
            kind,
            value: "key".into(),
        };
        let digest: [u8; 32] = Sha256::digest(hashed).into();
        assert_eq!(key.digest(), digest, "{key:?}");
        assert_eq!(key.other_body(), other_body, "{key:?}");
        let is_own = key.kind == DeliveryKeyKind::IdempotencyKey;
        let earlier = is_own.then(|| Sha256::digest("i\"key\"").into());
        assert_eq!(key.earlier_digest(), earlier, "{key:?}");
    }
}
