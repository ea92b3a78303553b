//! What a genuine token names, as it was when its request came.

use std::sync::Arc;

use dormouse_journal::{Header, Request, Response, RunId, WebhookNumber, WebhookOptions};
use dormouse_store::{IncomingView, SealedSecret, TriggerCalled};
use dormouse_webhook::provider::Check;
use dormouse_webhook::{Token, TriggerToken};

use crate::Unavailable;
use crate::received::Refusal;
use crate::triggers::counted_as;
use crate::unknown_provider::UnknownProvider;
use crate::urls::Address;
use crate::webhook_providers::Named;
use crate::webhooks::Webhooks;

/// The webhook or the trigger that a genuine token names, as it was when its request came.
pub struct Addressee {
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) target: Target,
    pub(crate) options: WebhookOptions,
    /// The descriptions of its providers.
    pub(crate) providers: Result<Named, UnknownProvider>,
    /// The headers of the request that a run may see which it starts.
    pub(crate) shown: Vec<Header>,
}

/// What a genuine token names.
pub(crate) enum Target {
    Webhook {
        token: Token,
        /// None if the run never created such a webhook, or was removed.
        incoming: Option<Box<IncomingView>>,
    },
    Trigger {
        token: TriggerToken,
        /// None if it was deleted.
        called: Option<Box<TriggerCalled>>,
    },
}

impl Target {
    /// Returns for whom its callers and its rate are counted.
    pub(crate) fn counted_as(&self) -> (RunId, WebhookNumber) {
        match self {
            Target::Webhook { token, .. } => (token.run, token.webhook),
            Target::Trigger { token, .. } => counted_as(*token),
        }
    }

    /// Returns the workflow that its requests are for, and the secrets that it names and that exist. None if it is gone.
    pub(crate) fn judged_by(&self) -> Option<(&str, &[(String, SealedSecret)])> {
        match self {
            Target::Webhook { incoming, .. } => {
                let incoming = incoming.as_ref()?;
                Some((&incoming.workflow, &incoming.secrets))
            }
            Target::Trigger { called, .. } => {
                let called = called.as_ref()?;
                Some((&called.trigger.options.workflow, &called.secrets))
            }
        }
    }
}

impl Addressee {
    pub(crate) async fn find(
        webhooks: Arc<Webhooks>,
        address: Address,
    ) -> Result<Self, Unavailable> {
        let store = &webhooks.store;
        let (target, options) = match address {
            Address::Webhook(token) => {
                let incoming = store
                    .incoming(token.run, token.webhook)
                    .await?
                    .map(Box::new);
                let webhook = incoming.as_ref().map(|incoming| &incoming.webhook);
                let options = webhook.map(|webhook| webhook.options.clone());
                (Target::Webhook { token, incoming }, options)
            }
            Address::Trigger(token) => {
                let called = store.called(token.trigger).await?.map(Box::new);
                let trigger = called.as_ref().map(|called| &called.trigger);
                let options = trigger.map(|trigger| trigger.options.webhook.clone());
                (Target::Trigger { token, called }, options)
            }
        };
        let options = options.unwrap_or_default();
        Ok(Addressee {
            providers: webhooks.providers.named(&options),
            webhooks,
            target,
            options,
            shown: Vec::new(),
        })
    }

    /// Says which headers of the request a run may see that it starts.
    #[must_use]
    pub fn showing(self, shown: Vec<Header>) -> Self {
        Addressee { shown, ..self }
    }

    /// Returns the answer that the provider wants to a request which proves nothing, if it is particular.
    #[must_use]
    pub fn refused(&self) -> Option<Response> {
        let provider = self.providers.as_ref().ok()?.provider()?;
        provider.refused().cloned()
    }

    /// Returns true if pages of this origin may send requests here from a browser.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        let mut allowed = self.options.cors.iter();
        allowed.any(|allowed| allowed == "*" || allowed == origin)
    }

    /// What checks the signatures, if the webhook asks for some.
    pub(crate) fn signer(&self) -> Option<Check<'_>> {
        self.providers.as_ref().ok()?.signer(&self.options)
    }

    /// What knows the provider's probes.
    pub(crate) fn prober(&self) -> Option<Check<'_>> {
        self.providers.as_ref().ok()?.prober(&self.options)
    }

    /// Returns the methods by which probes come.
    fn probe_methods(&self) -> Vec<&str> {
        let prober = self.prober();
        prober.map_or_else(Vec::new, |prober| prober.probe_methods())
    }

    /// Returns the methods that are answered here, with commas between them.
    #[must_use]
    pub fn allowed(&self) -> String {
        let mut methods = self.options.delivered_methods();
        let probes = self.probe_methods().into_iter();
        let others = probes.filter(|probe| !self.options.delivers(probe) && *probe != "OPTIONS");
        methods.extend(others);
        methods.extend(["HEAD", "OPTIONS"]);
        methods.join(", ")
    }

    /// Checks that a request or a probe may come by this method.
    ///
    /// # Errors
    /// When neither may.
    pub fn admit(&self, method: &str) -> Result<(), Refusal> {
        let is_of_probe = method == "OPTIONS" || self.probe_methods().contains(&method);
        // Which methods an unknown provider probes by, nobody knows.
        if is_of_probe || self.providers.is_err() || self.options.delivers(method) {
            Ok(())
        } else {
            Err(self.wrong_method(method))
        }
    }

    /// Returns true if a request with this head can be its provider's probe.
    #[must_use]
    pub fn may_be_probe(&self, head: &Request, length: Option<u64>) -> bool {
        let prober = self.prober();
        prober.is_some_and(|prober| prober.may_be_probe(head, length).is_some())
    }

    pub(crate) fn wrong_method(&self, method: &str) -> Refusal {
        Refusal::Method {
            method: method.to_owned(),
            allowed: self.allowed(),
        }
    }
}
