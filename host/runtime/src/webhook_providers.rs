//! The providers' descriptions by which requests to a webhook are checked: those that the host knows, and the webhook's
//! own.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use dormouse_journal::{RunId, WebhookNumber, WebhookOptions};
use dormouse_secret::{Purpose, Secret, SecretName, Use};
use dormouse_webhook::BadSecret;
use dormouse_webhook::provider::{Check, Provider, Providers};
use sha2::{Digest as _, Sha256};

use crate::SetSecretError;
use crate::received::Refusal;
use crate::secrets::Secrets;
use crate::unknown_provider::UnknownProvider;

/// The largest number of webhooks' own descriptions that are kept compiled. Each has at most 16 KiB of text.
const COMPILED: usize = 256;

/// The largest number of webhooks that are remembered because a warning about their secrets was logged.
const MOST_WARNED: usize = 10_000;

/// Finds the descriptions by which requests to webhooks are checked.
pub(crate) struct WebhookProviders {
    known: Providers,
    /// Webhooks' own descriptions, by the digest of the text.
    own: Mutex<HashMap<[u8; 32], Arc<Provider>>>,
    complained: Mutex<HashSet<(RunId, WebhookNumber)>>,
    /// Held while a secret is learnt, so that of two concurrent values only the first is kept.
    learning: tokio::sync::Mutex<()>,
}

/// The descriptions that one webhook names.
#[derive(Clone, Default)]
pub(crate) struct Named {
    signature_check: Option<Arc<Provider>>,
    probe_check: Option<Arc<Provider>>,
}

impl WebhookProviders {
    pub(crate) fn new(known: Providers) -> Self {
        WebhookProviders {
            known,
            own: Mutex::default(),
            complained: Mutex::default(),
            learning: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the descriptions that a webhook names.
    pub(crate) fn named(&self, options: &WebhookOptions) -> Result<Named, UnknownProvider> {
        let own = options
            .description
            .as_deref()
            .and_then(|text| self.own(text));
        let find = |name: &str| {
            let own = own.as_ref().filter(|own| own.name() == name);
            let found = own.or_else(|| self.known.get(name)).cloned();
            found.ok_or_else(|| UnknownProvider(name.to_owned()))
        };
        let signature = options.signature.as_ref();
        let signature_check = signature
            .map(|signature| {
                let provider = find(&signature.provider)?;
                // A newer description of the same name may require other settings.
                match provider.check(&signature.settings) {
                    Ok(_) => Ok(provider),
                    Err(_) => Err(UnknownProvider(signature.provider.clone())),
                }
            })
            .transpose()?;
        let probe_check = options.handshake.as_deref().map(find).transpose()?;
        Ok(Named {
            signature_check,
            probe_check,
        })
    }

    /// Returns the compiled form of a webhook's own description. None if the text is not a description; it was one when
    /// the webhook was created.
    fn own(&self, text: &str) -> Option<Arc<Provider>> {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let compiled = || self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(provider) = compiled().get(&digest) {
            return Some(provider.clone());
        }
        let provider = Arc::new(Provider::compile("description", text).ok()?);
        let mut compiled = compiled();
        if compiled.len() >= COMPILED {
            compiled.clear();
        }
        compiled.insert(digest, provider.clone());
        Some(provider)
    }

    /// Keeps the secret that a probe contains, under the name that the webhook gave it. There must be no secret of that
    /// name yet: the first value counts, and no later probe replaces it.
    pub(crate) async fn store_secret_of_probe(
        &self,
        secrets: &Secrets,
        name: &str,
        value: String,
        workflow: &str,
    ) -> Result<(), Refusal> {
        let _alone = self.learning.lock().await;
        if secrets.show(name).await?.is_some() {
            return Ok(());
        }
        let uses = vec![Use {
            workflow: workflow.to_owned(),
            purpose: Purpose::Verify,
        }];
        let (Ok(known), Ok(secret)) = (name.parse::<SecretName>(), Secret::new(value.into_bytes()))
        else {
            return Err(Refusal::Probe);
        };
        match secrets.set(known, secret, uses).await {
            Ok(_) => {
                tracing::info!(
                    secret = name,
                    workflow,
                    "the secret in the probe of a provider was stored"
                );
                Ok(())
            }
            Err(SetSecretError::Unavailable(unavailable)) => Err(Refusal::Unavailable(unavailable)),
            Err(error) => {
                tracing::warn!(secret = name, workflow, %error, "the secret in the probe of a provider cannot be stored");
                Err(Refusal::Learn)
            }
        }
    }

    /// Logs, once for each webhook, that none of its secrets is a valid key.
    pub(crate) fn warn_once(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        check: &Check<'_>,
        secrets: &[&[u8]],
    ) {
        let bad = secrets
            .iter()
            .find_map(|secret| check.check_secret(secret).err());
        let mut complained = self
            .complained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if complained.len() >= MOST_WARNED {
            complained.clear();
        }
        if complained.insert((run, webhook)) {
            tracing::warn!(
                %run,
                %webhook,
                provider = check.provider().name(),
                reason = %bad.unwrap_or(BadSecret::Empty),
                "no secret of this webhook can be a key of its provider's signature, so that every request is refused: set \
                 the secret again as the provider shows it"
            );
        }
    }
}

impl Named {
    /// Returns the check of a webhook's signatures, if the webhook asks for some.
    pub(crate) fn signature_check<'a>(&'a self, options: &'a WebhookOptions) -> Option<Check<'a>> {
        let settings = &options.signature.as_ref()?.settings;
        let provider = self.signature_check.as_ref()?;
        // The settings were checked when the descriptions were looked up.
        provider.check(settings).ok().filter(|_| provider.signs())
    }

    /// Returns the check that recognises the probes of a webhook's provider.
    pub(crate) fn probe_check<'a>(&'a self, options: &'a WebhookOptions) -> Option<Check<'a>> {
        let provider = self.probe_check.as_ref()?;
        let signature = options.signature.as_ref();
        let same = signature.filter(|signature| signature.provider == provider.name());
        let settings = same.map_or(&[][..], |signature| &signature.settings);
        provider.check(settings).ok()
    }

    /// Returns the provider that requests come from, if the webhook names one.
    pub(crate) fn provider(&self) -> Option<&Provider> {
        self.signature_check
            .as_ref()
            .or(self.probe_check.as_ref())
            .map(AsRef::as_ref)
    }
}
