//! Secrets that are not valid keys for their provider's signature, for operators who want to know why every request is
//! refused.
//!
//! As in the log, a message names the form that the secret should have, and nothing of its value. Only secrets that may
//! check requests for the workflow are looked at.

use std::collections::{BTreeMap, BTreeSet};

use dormouse_journal::{Signature, WebhookOptions};
use dormouse_store::SealedSecret;

use crate::Unavailable;
use crate::assemble::Services;
use crate::webhook_providers::Named;

/// A secret that a webhook or trigger names, and that is not a valid key for its provider's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableSecret {
    /// The name of the secret.
    pub name: String,
    /// Why it is not a valid key.
    pub reason: String,
}

impl Services {
    /// Returns the unusable secrets of a workflow's webhooks or triggers, one list for each of these options. Each
    /// secret is read once.
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
            // Requests get the error that the description is gone.
            Err(_) => return Vec::new(),
        };
        let (Some(check), Some(Signature { secrets, .. })) =
            (named.signature_check(options), &options.signature)
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
