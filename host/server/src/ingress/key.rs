//! By what a repeated request is known: `Idempotency-Key`, else `webhook-id` of Standard Webhooks.

use dormouse_store::{DeliveryKey, DeliveryKeyKind};
use http::{HeaderMap, StatusCode};

use crate::problem::Problem;

/// Bytes of a key. Both kinds are identifiers; providers use some 40 bytes.
const MAX_KEY: usize = 256;

/// The key of a request, if it has one.
///
/// `Idempotency-Key` is ours to judge, and a malformed one is an error. `webhook-id` is somebody else's format: one that
/// cannot be a key is passed on to the run as any header, and repeats are not recognised.
pub(super) fn delivery_key(headers: &HeaderMap) -> Result<Option<DeliveryKey>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    if let Some(value) = values.next() {
        let value = value
            .to_str()
            .ok()
            .filter(|value| is_key(value) && values.next().is_none());
        let value = value.ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid-header",
                format!("Idempotency-Key must be there once, with 1 to {MAX_KEY} visible ASCII characters"),
            )
        })?;
        return Ok(Some(DeliveryKey {
            kind: DeliveryKeyKind::IdempotencyKey,
            value: value.into(),
        }));
    }
    let value = headers
        .get("webhook-id")
        .and_then(|value| value.to_str().ok())
        .filter(|value| is_key(value));
    Ok(value.map(|value| DeliveryKey {
        kind: DeliveryKeyKind::WebhookId,
        value: value.into(),
    }))
}

fn is_key(value: &str) -> bool {
    (1..=MAX_KEY).contains(&value.len())
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
