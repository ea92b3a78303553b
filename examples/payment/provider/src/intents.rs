//! The payments that shops have asked for, and how each may change.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The request for a payment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Wanted {
    amount: u64,
    currency: String,
    #[serde(default)]
    metadata: Value,
    /// The URL to which the events are sent. Stripe has a list of URLs for each account instead.
    webhook_url: String,
}

/// A payment to be collected.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Intent {
    pub(crate) id: String,
    object: &'static str,
    pub(crate) amount: u64,
    pub(crate) currency: String,
    pub(crate) metadata: Value,
    pub(crate) status: Status,
    /// The URL at which the customer pays.
    url: String,
    #[serde(skip)]
    pub(crate) webhook_url: String,
}

/// The state of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    RequiresPaymentMethod,
    Processing,
    Canceled,
}

/// Why a request was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Unknown,
    OtherRequest,
    Status(Status),
}

/// All payments, and the request that each was made for.
#[derive(Debug, Default)]
pub(crate) struct Intents {
    all: Vec<Intent>,
    keys: HashMap<String, (Wanted, usize)>,
}

impl Intents {
    /// Returns the payment for this request, and true if it is new. If there is a payment with the same key, that
    /// one is returned.
    pub(crate) fn create(
        &mut self,
        key: String,
        wanted: Wanted,
        base_url: &str,
    ) -> Result<(Intent, bool), Refused> {
        if let Some((before, index)) = self.keys.get(&key) {
            let same = *before == wanted;
            return same
                .then(|| (self.all[*index].clone(), false))
                .ok_or(Refused::OtherRequest);
        }
        let id = format!("pi_{}", self.all.len() + 1);
        let asked = wanted.clone();
        let intent = Intent {
            url: format!("{base_url}/pay/{id}"),
            id,
            object: "payment_intent",
            amount: asked.amount,
            currency: asked.currency,
            metadata: asked.metadata,
            status: Status::RequiresPaymentMethod,
            webhook_url: asked.webhook_url,
        };
        self.keys.insert(key, (wanted, self.all.len()));
        self.all.push(intent.clone());
        Ok((intent, true))
    }

    /// Changes the status of a payment that is neither paid nor cancelled.
    pub(crate) fn decide(&mut self, id: &str, status: Status) -> Result<Intent, Refused> {
        let intent = self.all.iter_mut().find(|intent| intent.id == id);
        let intent = intent.ok_or(Refused::Unknown)?;
        if intent.status != Status::RequiresPaymentMethod {
            return Err(Refused::Status(intent.status));
        }
        intent.status = status;
        Ok(intent.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wanted(amount: u64) -> Wanted {
        let body =
            json!({ "amount": amount, "currency": "eur", "webhook_url": "http://shop/hook" });
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn one_key_makes_one_payment() {
        let mut intents = Intents::default();
        let mut create = |key: &str, amount| {
            let made = intents.create(key.into(), wanted(amount), "http://provider");
            made.map(|(intent, is_new)| (intent.id, is_new))
        };
        assert_eq!(create("a", 5), Ok(("pi_1".into(), true)));
        assert_eq!(create("b", 5), Ok(("pi_2".into(), true)));
        assert_eq!(create("a", 5), Ok(("pi_1".into(), false)));
        assert_eq!(create("a", 6), Err(Refused::OtherRequest));
    }

    #[test]
    fn a_payment_is_decided_once() {
        let mut intents = Intents::default();
        intents
            .create("a".into(), wanted(5), "http://provider")
            .unwrap();
        let mut decide = |id, status| intents.decide(id, status).map(|intent| intent.status);
        assert_eq!(decide("pi_2", Status::Canceled), Err(Refused::Unknown));
        assert_eq!(decide("pi_1", Status::Canceled), Ok(Status::Canceled));
        assert_eq!(
            decide("pi_1", Status::Processing),
            Err(Refused::Status(Status::Canceled))
        );
    }
}
