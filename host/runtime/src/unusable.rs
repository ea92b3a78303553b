//! Secrets that cannot be keys of their provider's signature, for those who look why every request is refused.
//!
//! What is told of a secret is the form that it has not, as in the log. Only a secret that may check requests for the workflow
//! is looked at.

use std::collections::{BTreeMap, BTreeSet};

use dormouse_journal::{Signature, WebhookOptions};
use dormouse_store::SealedSecret;

use crate::Unavailable;
use crate::assemble::Services;
use crate::webhook_providers::Named;

/// A secret that a webhook or trigger names, and that cannot be a key of its provider's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableSecret {
    /// Its name.
    pub name: String,
    /// Why it cannot be a key.
    pub reason: String,
}

impl Services {
    /// Returns the unusable secrets of a workflow's webhooks or triggers: for each of these options in turn. Each secret is
    /// read once.
    pub(crate) async fn unusable_secrets(
        &self,
        workflow: &str,
        options: &[&WebhookOptions],
    ) -> Result<Vec<Vec<UnusableSecret>>, Unavailable> {
        let signatures = options
            .iter()
            .filter_map(|options| options.signature.as_ref());
        let names: BTreeSet<&String> = signatures
            .flat_map(|signature| &signature.secrets)
            .collect();
        let mut sealed = BTreeMap::new();
        for name in names {
            if let Some(secret) = self.store.secret(name.clone()).await? {
                sealed.insert(name.as_str(), secret);
            }
        }
        let of = options.iter();
        Ok(of
            .map(|options| self.unusable_of(workflow, options, &sealed))
            .collect())
    }

    fn unusable_of(
        &self,
        workflow: &str,
        options: &WebhookOptions,
        sealed: &BTreeMap<&str, SealedSecret>,
    ) -> Vec<UnusableSecret> {
        let named: Named = match self.webhooks.providers.named(options) {
            Ok(named) => named,
            // Requests are told that its description is gone.
            Err(_) => return Vec::new(),
        };
        let (Some(check), Some(Signature { secrets, .. })) =
            (named.signer(options), &options.signature)
        else {
            return Vec::new();
        };
        let unusable = secrets.iter().filter_map(|name| {
            let row = sealed.get(name.as_str())?;
            let secret = self.webhooks.secrets.verifier(workflow, name, row)?;
            let reason = check.check_secret(secret.expose()).err()?.to_string();
            let name = name.clone();
            Some(UnusableSecret { name, reason })
        });
        unusable.collect()
    }
}
