//! By what a repeat of a request is known: the provider's own name for it, or the caller's.
//!
//! | where | whose it is |
//! |---|---|
//! | what the provider's description says, if its signature covers it | the provider's |
//! | `Idempotency-Key` | the caller's, for us |
//! | `webhook-id` | Standard Webhooks' |
//! | what the provider's description says, if its signature does not cover it | the provider's |
//!
//! The first that is there counts.

use dormouse_journal::{OtherBody, Request};
use sha2::{Digest, Sha256};

use crate::field::{Field, field};
use crate::idempotency::{IdempotencyKey, InvalidKey, quoted};
use crate::provider::Check;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryKeyKind {
    /// `Idempotency-Key`.
    IdempotencyKey,
    /// `webhook-id`.
    WebhookId,
    /// What a provider's description names.
    Provider {
        /// The provider's name.
        name: String,
        /// What the same key with another body means.
        other_body: OtherBody,
    },
}

/// The key of a request, if it has one. `check` is the check that the request has passed: without it a provider's id is
/// anybody's word.
///
/// # Errors
/// When there is an `Idempotency-Key` and it is no key: it was meant for us, so its sender is told. What was meant for
/// others and cannot be a key is left to the run, and repeats are not recognised by it.
pub fn delivery_key(
    request: &Request,
    check: Option<&Check<'_>>,
) -> Result<Option<DeliveryKey>, InvalidKey> {
    let own = IdempotencyKey::of(request)?.map(IdempotencyKey::into_string);
    let key = |kind| move |value| DeliveryKey { kind, value };
    let (signed, unsigned) = of_provider(request, check);
    // Whoever replays a signed request can change every other name, and may do so to have it taken for a new one.
    Ok(signed
        .or_else(|| own.map(key(DeliveryKeyKind::IdempotencyKey)))
        .or_else(|| in_header(request, "webhook-id").map(key(DeliveryKeyKind::WebhookId)))
        .or(unsigned))
}

/// Returns the provider's own name for a request: first if its signature covers it, second if not.
fn of_provider(
    request: &Request,
    check: Option<&Check<'_>>,
) -> (Option<DeliveryKey>, Option<DeliveryKey>) {
    let found = check.and_then(|check| Some((check.provider().name(), check.repeat(request)?)));
    let Some((name, repeat)) = found else {
        return (None, None);
    };
    let key = DeliveryKey {
        kind: DeliveryKeyKind::Provider {
            name: name.to_owned(),
            other_body: repeat.other_body,
        },
        // No value has a line break.
        value: repeat.values.join("\n"),
    };
    if repeat.is_signed {
        (Some(key), None)
    } else {
        (None, Some(key))
    }
}

/// Parts of which the name of a delivery is made at most.
pub const KEY_PARTS: usize = 16;

/// Returns every key that a request of this name may have at a webhook whose requests this provider signs. The name has
/// several parts where a provider's description takes several values together.
#[must_use]
pub fn keys_named(parts: &[String], provider: Option<&str>) -> Vec<DeliveryKey> {
    let of_provider = |name: &str| DeliveryKey {
        kind: DeliveryKeyKind::Provider {
            name: name.to_owned(),
            // It is looked for, whatever its body is.
            other_body: OtherBody::Same,
        },
        value: parts.join("\n"),
    };
    let mut keys: Vec<DeliveryKey> = provider.map(of_provider).into_iter().collect();
    if let [part] = parts {
        let own = IdempotencyKey::read([part.as_bytes()]).ok().flatten();
        let own = own.map(|key| (DeliveryKeyKind::IdempotencyKey, key.into_string()));
        let standard = identifier(part.as_bytes()).map(|id| (DeliveryKeyKind::WebhookId, id));
        let others = own.into_iter().chain(standard);
        keys.extend(others.map(|(kind, value)| DeliveryKey { kind, value }));
    }
    keys
}

impl DeliveryKeyKind {
    /// Returns what people know it by: the name of a header, or of a provider.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            DeliveryKeyKind::IdempotencyKey => "Idempotency-Key",
            DeliveryKeyKind::WebhookId => "webhook-id",
            DeliveryKeyKind::Provider { name, .. } => name,
        }
    }
}

impl DeliveryKey {
    /// What the store keeps of it. The letters are part of the store's format and never change: four providers have had one
    /// of their own since before there were descriptions.
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
        match &self.kind {
            DeliveryKeyKind::IdempotencyKey => digest.update(b"i"),
            DeliveryKeyKind::WebhookId => digest.update(b"w"),
            DeliveryKeyKind::Provider { name, .. } => match name.as_str() {
                "standard-webhooks" => digest.update(b"w"),
                "github" => digest.update(b"g"),
                "slack" => digest.update(b"s"),
                "stripe" => digest.update(b"t"),
                name => {
                    digest.update(b"p");
                    digest.update(name.as_bytes());
                    digest.update(b"\n");
                }
            },
        }
        digest.update(value.as_bytes());
        digest.finalize().into()
    }

    /// What the same key with another body means.
    #[must_use]
    pub fn other_body(&self) -> OtherBody {
        match self.kind {
            DeliveryKeyKind::IdempotencyKey => OtherBody::Refuse,
            DeliveryKeyKind::WebhookId => OtherBody::Queue,
            DeliveryKeyKind::Provider { other_body, .. } => other_body,
        }
    }
}

fn in_header(request: &Request, name: &str) -> Option<String> {
    match field(request, name) {
        Field::Once(value) => identifier(value),
        Field::Absent | Field::Repeated => None,
    }
}

/// A text of 1 to [`LONGEST`] visible ASCII characters.
fn identifier(value: &[u8]) -> Option<String> {
    let is_key = (1..=LONGEST).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(value).ok().filter(|_| is_key)?;
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(parts: &[&str], provider: Option<&str>) -> Vec<DeliveryKey> {
        let parts: Vec<String> = parts.iter().map(|&part| part.to_owned()).collect();
        keys_named(&parts, provider)
    }

    fn check(key: &DeliveryKey, parts: &[&str], provider: Option<&str>) {
        let found = named(parts, provider).into_iter();
        let digests = found.flat_map(|key| [Some(key.digest()), key.earlier_digest()]);
        assert!(digests.flatten().any(|digest| digest == key.digest()));
    }

    #[test]
    fn a_name_finds_every_key_that_a_request_may_have() {
        let key = |kind, value: &str| DeliveryKey {
            kind,
            value: value.into(),
        };
        let provider = |name: &str| DeliveryKeyKind::Provider {
            name: name.into(),
            other_body: OtherBody::Refuse,
        };
        check(&key(provider("github"), "d"), &["d"], Some("github"));
        check(&key(provider("shop"), "a\nb"), &["a", "b"], Some("shop"));
        check(&key(DeliveryKeyKind::WebhookId, "d"), &["d"], None);
        for spelled in ["d e", "\"d e\"", " d e "] {
            check(
                &key(DeliveryKeyKind::IdempotencyKey, "d e"),
                &[spelled],
                Some("github"),
            );
        }
        // An earlier version of the host remembered it so.
        check(&key(DeliveryKeyKind::IdempotencyKey, "\"d\""), &["d"], None);
        assert_eq!(named(&["a", "b"], None), []);
        assert_eq!(named(&["\u{fc}"], None), []);
    }
}
