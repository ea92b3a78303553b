//! By what a repeated request is known: `Idempotency-Key`, else `webhook-id` of Standard Webhooks.

use dormouse_store::{DeliveryKey, DeliveryKeyKind};
use http::HeaderMap;

use crate::problem::Problem;
use crate::request::idempotency;

/// Bytes of a `webhook-id`. Providers use some 40.
const LONGEST: usize = 256;

/// The key of a request, if it has one.
///
/// `Idempotency-Key` is ours to judge, and a malformed one is an error. `webhook-id` is somebody else's format: one that
/// cannot be a key is passed on to the run as any header, and repeats are not recognised.
pub(super) fn delivery_key(headers: &HeaderMap) -> Result<Option<DeliveryKey>, Problem> {
    if let Some(value) = idempotency::key(headers)? {
        let kind = DeliveryKeyKind::IdempotencyKey;
        return Ok(Some(DeliveryKey { kind, value }));
    }
    let value = headers
        .get("webhook-id")
        .and_then(|value| value.to_str().ok());
    let value = value.filter(|value| (1..=LONGEST).contains(&value.len()));
    let kind = DeliveryKeyKind::WebhookId;
    Ok(value.map(|value| DeliveryKey {
        kind,
        value: value.into(),
    }))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn key(headers: &[(&'static str, &'static str)]) -> Result<Option<DeliveryKey>, Problem> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            });
        delivery_key(&headers)
    }

    #[test]
    fn idempotency_key_goes_before_webhook_id() {
        let found = key(&[("webhook-id", "w"), ("idempotency-key", "i")])
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.kind, found.value.as_str()),
            (DeliveryKeyKind::IdempotencyKey, "i")
        );
        let found = key(&[("webhook-id", "w")]).unwrap().unwrap();
        assert_eq!(
            (found.kind, found.value.as_str()),
            (DeliveryKeyKind::WebhookId, "w")
        );
        assert!(key(&[]).unwrap().is_none());
    }

    #[test]
    fn a_malformed_idempotency_key_is_an_error_and_a_malformed_webhook_id_is_none() {
        assert!(key(&[("idempotency-key", "")]).is_err());
        assert!(key(&[("idempotency-key", "a"), ("idempotency-key", "b")]).is_err());
        assert!(key(&[("webhook-id", "")]).unwrap().is_none());
    }
}
