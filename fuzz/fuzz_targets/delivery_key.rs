//! Delivery keys: no request makes finding one panic, and whatever is found is an identifier.

#![no_main]

use arbitrary::Arbitrary;
use bytes::Bytes;
use dormouse_journal::{Request, SignatureScheme};
use dormouse_webhook::{DeliveryKeyKind, delivery_key};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    scheme: u8,
    idempotency_keys: Vec<&'a [u8]>,
    webhook_ids: Vec<&'a [u8]>,
    deliveries: Vec<&'a [u8]>,
    body: Body<'a>,
}

/// Bytes as they come, or put together so that they are close to an event.
#[derive(Debug, Arbitrary)]
enum Body<'a> {
    Raw(&'a [u8]),
    Event { id: &'a str, more: &'a str },
}

fuzz_target!(|input: Input<'_>| {
    let scheme = match input.scheme % 6 {
        0 => None,
        1 => Some(SignatureScheme::StandardWebhooks),
        2 => Some(SignatureScheme::Github),
        3 => Some(SignatureScheme::Stripe),
        4 => Some(SignatureScheme::Slack),
        _ => Some(SignatureScheme::HmacSha256),
    };
    let named = |name: &'static str, values: &[&[u8]]| -> Vec<(String, Bytes)> {
        let values = values.iter();
        values
            .map(|value| (name.to_owned(), Bytes::copy_from_slice(value)))
            .collect()
    };
    let request = Request {
        method: "POST".into(),
        url: "https://hooks.example.com/hooks/token".into(),
        headers: [
            named("Idempotency-Key", &input.idempotency_keys),
            named("webhook-id", &input.webhook_ids),
            named("X-GitHub-Delivery", &input.deliveries),
        ]
        .concat(),
        body: match input.body {
            Body::Raw(body) => Bytes::copy_from_slice(body),
            Body::Event { id, more } => {
                format!(r#"{{"id":"{id}","event_id":"{id}"{more}}}"#).into()
            }
        },
    };
    let found = delivery_key(&request, scheme);
    assert!(found.is_ok() || !input.idempotency_keys.is_empty());
    let Ok(Some(key)) = found else { return };
    assert!((1..=256).contains(&key.value.len()));
    assert!(key.value.bytes().all(|byte| byte.is_ascii_graphic()));
    let by_its_scheme = match key.kind {
        DeliveryKeyKind::IdempotencyKey | DeliveryKeyKind::WebhookId => scheme,
        DeliveryKeyKind::Github => Some(SignatureScheme::Github),
        DeliveryKeyKind::Slack => Some(SignatureScheme::Slack),
        DeliveryKeyKind::Stripe => Some(SignatureScheme::Stripe),
    };
    assert_eq!(by_its_scheme, scheme);
    if key.kind == DeliveryKeyKind::IdempotencyKey {
        assert_eq!(input.idempotency_keys.len(), 1);
    }
    assert_eq!(key.digest(), key.clone().digest());
});
