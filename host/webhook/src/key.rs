//! By what a repeat of a request is known: the caller's own name for it, or the provider's.
//!
//! | where | whose it is | looked at |
//! |---|---|---|
//! | `webhook-id` | Standard Webhooks' | first under its signature, which covers it |
//! | `event_id` in the body | Slack's, <https://docs.slack.dev/apis/events-api> | first under its signature |
//! | `id` in the body | Stripe's, <https://docs.stripe.com/webhooks#handle-duplicate-events> | first under its signature |
//! | `Idempotency-Key` | the caller's, for us | always |
//! | `webhook-id` | Standard Webhooks' | always |
//! | `X-GitHub-Delivery` | GitHub's, <https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers> | under its signature, which does not cover it |
//!
//! The first that is there counts.

use dormouse_journal::{OtherBody, Request, SignatureScheme};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::field::{Field, field};
use crate::idempotency::{IdempotencyKey, InvalidKey, quoted};
use crate::json;

/// Bytes of a provider's key. It is an identifier; a UUID has 36.
const LONGEST: usize = 256;

/// A caller's own name for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryKey {
    /// Where it came from.
    pub kind: DeliveryKeyKind,
    /// The name.
    pub value: String,
}

/// Where a delivery key came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryKeyKind {
    /// `Idempotency-Key`.
    IdempotencyKey,
    /// `webhook-id`.
    WebhookId,
    /// `X-GitHub-Delivery`.
    Github,
    /// Slack's `event_id`.
    Slack,
    /// The `id` of Stripe's event.
    Stripe,
}

/// The key of a request, if it has one. `scheme` is the check that the request has passed: without it a provider's id
/// is anybody's word.
///
/// # Errors
/// When there is an `Idempotency-Key` and it is no key: it was meant for us, so its sender is told. What was meant for
/// others and cannot be a key is left to the run, and repeats are not recognised by it.
pub fn delivery_key(
    request: &Request,
    scheme: Option<SignatureScheme>,
) -> Result<Option<DeliveryKey>, InvalidKey> {
    let own = IdempotencyKey::of(request)?.map(IdempotencyKey::into_string);
    let key = |kind| move |value| DeliveryKey { kind, value };
    Ok(signed_key(request, scheme)
        .or_else(|| own.map(key(DeliveryKeyKind::IdempotencyKey)))
        .or_else(|| in_header(request, "webhook-id").map(key(DeliveryKeyKind::WebhookId)))
        .or_else(|| {
            let is_github = scheme == Some(SignatureScheme::Github);
            let delivery = is_github.then(|| in_header(request, "x-github-delivery"));
            delivery.flatten().map(key(DeliveryKeyKind::Github))
        }))
}

/// Returns true if a request that has passed this check may have its key in its body, so that the head alone does not
/// tell it.
#[must_use]
pub fn is_key_in_body(scheme: Option<SignatureScheme>) -> bool {
    matches!(
        scheme,
        Some(SignatureScheme::Slack | SignatureScheme::Stripe)
    )
}

/// The id that the provider signed. Whoever replays a signed request can change every other, and may do so to have it
/// taken for a new one.
fn signed_key(request: &Request, scheme: Option<SignatureScheme>) -> Option<DeliveryKey> {
    let (kind, value) = match scheme? {
        SignatureScheme::StandardWebhooks => {
            (DeliveryKeyKind::WebhookId, in_header(request, "webhook-id"))
        }
        SignatureScheme::Slack => (DeliveryKeyKind::Slack, slack_event(request)),
        SignatureScheme::Stripe => (DeliveryKeyKind::Stripe, stripe_event(request)),
        SignatureScheme::Github | SignatureScheme::HmacSha256 => return None,
    };
    value.map(|value| DeliveryKey { kind, value })
}

impl DeliveryKey {
    /// What the store keeps of it. The letters are part of the store's format and never change.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest_of(&self.value)
    }

    /// What an earlier version of the host may have kept of it: that one took the quotation marks of an `Idempotency-Key`
    /// for a part of it.
    #[must_use]
    pub fn earlier_digest(&self) -> Option<[u8; 32]> {
        let is_own = self.kind == DeliveryKeyKind::IdempotencyKey;
        is_own.then(|| self.digest_of(&quoted(&self.value)))
    }

    fn digest_of(&self, value: &str) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(match self.kind {
            DeliveryKeyKind::IdempotencyKey => b"i",
            DeliveryKeyKind::WebhookId => b"w",
            DeliveryKeyKind::Github => b"g",
            DeliveryKeyKind::Slack => b"s",
            DeliveryKeyKind::Stripe => b"t",
        });
        digest.update(value.as_bytes());
        digest.finalize().into()
    }

    /// What the same key with another body means.
    #[must_use]
    pub fn other_body(&self) -> OtherBody {
        match self.kind {
            DeliveryKeyKind::IdempotencyKey => OtherBody::Refuse,
            // Nobody signed GitHub's header, and one event has one id at every webhook that it goes to.
            DeliveryKeyKind::WebhookId | DeliveryKeyKind::Github => OtherBody::Queue,
            // The id lies in what the provider signed, so it is that event, however it was rendered: Stripe's
            // `pending_webhooks` changes from one attempt to the next.
            DeliveryKeyKind::Slack | DeliveryKeyKind::Stripe => OtherBody::Same,
        }
    }
}

fn in_header(request: &Request, name: &str) -> Option<String> {
    match field(request, name) {
        Field::Once(value) => identifier(value),
        Field::Absent | Field::Repeated => None,
    }
}

fn slack_event(request: &Request) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        event_id: String,
    }
    json::object(&request.body).and_then(|event: Event| identifier(event.event_id.as_bytes()))
}

fn stripe_event(request: &Request) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        id: String,
    }
    json::object(&request.body).and_then(|event: Event| identifier(event.id.as_bytes()))
}

/// A text of 1 to [`LONGEST`] visible ASCII characters.
fn identifier(value: &[u8]) -> Option<String> {
    let is_key = (1..=LONGEST).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(value).ok().filter(|_| is_key)?;
    Some(text.to_owned())
}
