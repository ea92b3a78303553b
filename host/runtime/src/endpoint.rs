//! The webhook or the trigger that a genuine token names, and the checks that depend only on it.

use std::sync::Arc;

use dormouse_journal::{Header, Request, Response, RunId, WebhookNumber, WebhookOptions};
use dormouse_store::{Incoming, IncomingView, SealedSecret, TriggerCalled};
use dormouse_webhook::provider::Check;
use dormouse_webhook::{Token, TriggerToken};

use crate::received::Refusal;
use crate::triggers::counted_as;
use crate::unknown_provider::UnknownProvider;
use crate::urls::Address;
use crate::webhook_providers::Named;
use crate::webhooks::Webhooks;

/// The webhook or the trigger that a genuine token names, as it was when the request came.
pub struct Endpoint {
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) target: Target,
    pub(crate) options: WebhookOptions,
    /// The descriptions of the providers that the webhook or the trigger names.
    pub(crate) providers: Result<Named, UnknownProvider>,
    /// The headers that a run may see, if the request starts one.
    pub(crate) shown: Vec<Header>,
}

/// The webhook or the trigger that a genuine token names.
pub(crate) enum Target {
    Webhook {
        token: Token,
        /// None if the run never created this webhook, or if the run was removed.
        incoming: Option<Box<IncomingView>>,
    },
    Trigger {
        token: TriggerToken,
        /// None if the trigger was deleted.
        called: Option<Box<TriggerCalled>>,
    },
}

impl Target {
    /// Returns the run and the webhook under which held callers and the rate are counted.
    pub(crate) fn counted_as(&self) -> (RunId, WebhookNumber) {
        match self {
            Target::Webhook { token, .. } => (token.run, token.webhook),
            Target::Trigger { token, .. } => counted_as(*token),
        }
    }

    /// Returns the workflow that the requests are for, and those of the named secrets that exist. None if the webhook
    /// or the trigger is gone.
    pub(crate) fn workflow_and_secrets(&self) -> Option<(&str, &[(String, SealedSecret)])> {
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

impl Endpoint {
    pub(crate) async fn find(webhooks: Arc<Webhooks>, address: Address) -> Result<Self, Refusal> {
        let store = &webhooks.store;
        let (target, options) = match address {
            Address::Webhook(token) => {
                let incoming = match store.incoming(token.run, token.webhook).await? {
                    Incoming::Known(incoming) => Some(incoming),
                    Incoming::Unknown => None,
                    Incoming::ToCome => return Err(Refusal::WebhookToCome),
                };
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
        Ok(Endpoint {
            providers: webhooks.providers.named(&options),
            webhooks,
            target,
            options,
            shown: Vec::new(),
        })
    }

    /// Sets the headers of the request that a run may see, if the request starts one.
    #[must_use]
    pub fn showing(self, shown: Vec<Header>) -> Self {
        Endpoint { shown, ..self }
    }

    /// Returns the answer that the provider wants to a request without proof, if the provider wants a particular one.
    #[must_use]
    pub fn refused(&self) -> Option<Response> {
        let provider = self.providers.as_ref().ok()?.provider()?;
        provider.refused().cloned()
    }

    /// Returns true if pages of this origin may send requests to this URL from a browser.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        let mut allowed = self.options.cors.iter();
        allowed.any(|allowed| allowed == "*" || allowed == origin)
    }

    /// Returns the check of signatures, if the webhook asks for signatures.
    pub(crate) fn signature_check(&self) -> Option<Check<'_>> {
        self.providers.as_ref().ok()?.signature_check(&self.options)
    }

    /// Returns the check that recognises the provider's probes.
    pub(crate) fn probe_check(&self) -> Option<Check<'_>> {
        self.providers.as_ref().ok()?.probe_check(&self.options)
    }

    /// Returns the methods that probes use.
    fn probe_methods(&self) -> Vec<&str> {
        let probe_check = self.probe_check();
        probe_check.map_or_else(Vec::new, |probe_check| probe_check.probe_methods())
    }

    /// Returns the methods that this URL answers, separated by commas.
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
    /// If neither may come by this method.
    pub fn admit(&self, method: &str) -> Result<(), Refusal> {
        let is_of_probe = method == "OPTIONS" || self.probe_methods().contains(&method);
        // Nobody knows which methods the probes of an unknown provider use.
        if is_of_probe || self.providers.is_err() || self.options.delivers(method) {
            Ok(())
        } else {
            Err(self.wrong_method(method))
        }
    }

    /// Returns true if a request with this head can be a probe of the provider.
    #[must_use]
    pub fn may_be_probe(&self, head: &Request, length: Option<u64>) -> bool {
        let probe_check = self.probe_check();
        probe_check.is_some_and(|probe_check| probe_check.may_be_probe(head, length).is_some())
    }

    pub(crate) fn wrong_method(&self, method: &str) -> Refusal {
        Refusal::Method {
            method: method.to_owned(),
            allowed: self.allowed(),
        }
    }
}
