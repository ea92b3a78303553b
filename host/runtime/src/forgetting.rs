//! Forgets, on an operator's request, that a request was accepted, so that a redelivery of it is taken as a new
//! request.

use dormouse_journal::WebhookOptions;
use dormouse_store::{Forget, Forgot, ReadError, RememberedAt, WriteError};
use dormouse_webhook::{DeliveryKey, Token, TriggerToken, keys_named};

use crate::Unavailable;
use crate::assemble::Services;
use crate::urls::Address;

/// A request that was forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// The webhook or the trigger that had accepted the request.
    pub address: Address,
    /// The name of the trigger, if it was a trigger.
    pub trigger: Option<String>,
    /// The kinds of the forgotten name: a header, or a provider.
    pub kinds: Vec<String>,
}

/// Why nothing was forgotten.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ForgetError {
    /// This host did not make the URL.
    #[error(
        "this is not the URL of a webhook or trigger of this host: give it as `dormouse webhooks RUN` or `dormouse trigger list` \
         shows it"
    )]
    NotOurs,
    /// The run was removed, or did not keep the webhook when it continued as new.
    #[error(
        "this webhook is gone: its run was removed, or has continued as new and did not keep it; the host remembers none of its requests"
    )]
    WebhookGone,
    /// The trigger was deleted.
    #[error("this trigger was deleted, and with it the ids of the requests that it had accepted")]
    TriggerGone,
    /// No request with this name is remembered.
    #[error("{}", not_remembered(.0))]
    NotRemembered(
        /// The kinds of names that were looked for.
        Vec<String>,
    ),
    /// The host cannot do this now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

fn not_remembered(kinds: &[String]) -> String {
    if kinds.is_empty() {
        return "several ids together name a delivery only if the webhook or trigger is for a provider that signs, and this \
                one is not: give one id"
            .into();
    }
    format!(
        "the host remembers no request with this id at this URL, so a redelivery would be accepted as new; it looked for the id \
         as {}. Give the id that the sender gave the delivery, such as the value of its header",
        kinds.join(", ")
    )
}

impl Services {
    /// Forgets that the request with this name was accepted at this URL. The name has several parts if the provider
    /// identifies a request by several values together.
    pub(crate) async fn forget(
        &self,
        url: &str,
        name: &[String],
    ) -> Result<Forgotten, ForgetError> {
        let address = self.urls.read_url(url).ok_or(ForgetError::NotOurs)?;
        let (at, provider, trigger) = match address {
            Address::Webhook(Token { run, webhook }) => {
                let incoming = self.store.incoming(run, webhook).await?;
                let webhook_of = incoming.known().ok_or(ForgetError::WebhookGone)?.webhook;
                let at = RememberedAt::Webhook(run, webhook);
                (at, provider(webhook_of.options), None)
            }
            Address::Trigger(TriggerToken { trigger: id, .. }) => {
                let called = self.store.called(id).await?;
                let trigger = called.ok_or(ForgetError::TriggerGone)?.trigger;
                let provider = provider(trigger.options.webhook);
                (RememberedAt::Trigger(id), provider, Some(trigger.name))
            }
        };
        let candidates = keys_named(name, provider.as_deref());
        let digests = candidates
            .iter()
            .flat_map(|key| [Some(key.digest()), key.earlier_digest()]);
        let keys = digests.flatten().collect();
        let forgotten = match self.store.forget(Forget { at, keys }).await? {
            Forgot::Keys(keys) => keys,
            Forgot::Unknown if trigger.is_some() => return Err(ForgetError::TriggerGone),
            Forgot::Unknown => return Err(ForgetError::WebhookGone),
        };
        let name_of = |key: &DeliveryKey| key.kind.name().to_owned();
        if forgotten.is_empty() {
            let kinds = candidates.iter().map(name_of).collect();
            return Err(ForgetError::NotRemembered(kinds));
        }
        let was_it = |key: &&DeliveryKey| {
            let digests = [Some(key.digest()), key.earlier_digest()];
            digests.iter().flatten().any(|key| forgotten.contains(key))
        };
        let kinds = candidates.iter().filter(was_it).map(name_of).collect();
        tracing::info!(
            ?at,
            "an accepted request was forgotten on demand; a redelivery of it will be accepted"
        );
        Ok(Forgotten {
            address,
            trigger,
            kinds,
        })
    }
}

/// Returns the name of the provider whose ids identify requests, if there is one.
fn provider(options: WebhookOptions) -> Option<String> {
    options.signature.map(|signature| signature.provider)
}

impl From<ReadError> for ForgetError {
    fn from(error: ReadError) -> Self {
        ForgetError::Unavailable(error.into())
    }
}

impl From<WriteError> for ForgetError {
    fn from(error: WriteError) -> Self {
        ForgetError::Unavailable(error.into())
    }
}
