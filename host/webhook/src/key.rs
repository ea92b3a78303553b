//! The key by which a repeat of a request is recognised: the provider's own name for the request, or the caller's.
//!
//! | where the key is | whose name it is |
//! |---|---|
//! | the place in the provider's description, if the signature covers it | the provider's |
//! | `Idempotency-Key` | the caller's, for this host |
//! | `webhook-id` | that of Standard Webhooks |
//! | the place in the provider's description, if the signature does not cover it | the provider's |
//!
//! The first that is present counts.

use dormouse_journal::{OtherBody, Request};
use sha2::{Digest, Sha256};

use crate::field::{Field, field};
use crate::idempotency::{IdempotencyKey, InvalidKey, quoted};
use crate::provider::Check;

/// The longest key of a provider, in bytes. It is an identifier; a UUID has 36.
const LONGEST: usize = 256;

/// A sender's own name for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryKey {
    /// The place from which the name came.
    pub kind: DeliveryKeyKind,
    /// The name.
    pub value: String,
}

/// The place from which a key came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryKeyKind {
    /// `Idempotency-Key`.
    IdempotencyKey,
    /// `webhook-id`.
    WebhookId,
    /// The place in a provider's description.
    Provider {
        /// The provider's name.
        name: String,
        /// The meaning of the same key with another body.
        other_body: OtherBody,
    },
}

/// Returns the key of a request, if it has one. `check` is the check that the request has passed. Without a check,
/// anybody could have written a provider's id.
///
/// # Errors
/// When there is an `Idempotency-Key` that is not valid. The header was meant for this host, so its sender is told. A
/// value that was meant for others and cannot be a key is left to the run, and repeats are not recognised by it.
pub fn delivery_key(
    request: &Request,
    check: Option<&Check<'_>>,
) -> Result<Option<DeliveryKey>, InvalidKey> {
    let own = IdempotencyKey::of(request)?.map(IdempotencyKey::into_string);
    let key = |kind| move |value| DeliveryKey { kind, value };
    let (signed, unsigned) = of_provider(request, check);
    // A sender that replays a signed request can change every other name, so that the request would be taken for a new
    // one.
    Ok(signed
        .or_else(|| own.map(key(DeliveryKeyKind::IdempotencyKey)))
        .or_else(|| in_header(request, "webhook-id").map(key(DeliveryKeyKind::WebhookId)))
        .or(unsigned))
}

/// Returns the provider's own name for a request: as the first value if its signature covers the name, as the second if
/// not.
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

/// The largest number of parts in the name of a delivery.
pub const KEY_PARTS: usize = 16;

/// Returns every key that a request of this name may have at a webhook whose requests this provider signs. The name has
/// several parts if the provider's description identifies requests by several values together.
#[must_use]
pub fn keys_named(parts: &[String], provider: Option<&str>) -> Vec<DeliveryKey> {
    let of_provider = |name: &str| DeliveryKey {
        kind: DeliveryKeyKind::Provider {
            name: name.to_owned(),
            // The search does not depend on the body.
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
    /// Returns the name that people know: that of a header, or of a provider.
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
    /// Returns the digest that the store keeps. The letters are part of the store's format and never change. Four
    /// providers have one of their own, which is older than descriptions.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest_of(&self.value)
    }

    /// Returns the digest that an earlier version of the host may have kept: it took the quotation marks of an
    /// `Idempotency-Key` for a part of the key.
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

    /// Returns the meaning of the same key with another body.
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

/// Returns the value if it is a text of 1 to [`LONGEST`] visible ASCII characters.
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
        // An earlier version of the host remembered it in this form.
        check(&key(DeliveryKeyKind::IdempotencyKey, "\"d\""), &["d"], None);
        assert_eq!(named(&["a", "b"], None), []);
        assert_eq!(named(&["\u{fc}"], None), []);
    }
}
