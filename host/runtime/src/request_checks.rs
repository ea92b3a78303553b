//! Checks a request to a webhook or a trigger: first its head, before its body is read, and then the request with its
//! body.

use bytes::Bytes;
use dormouse_journal::{Reply, Request};
use dormouse_secret::Secret;
use dormouse_store::{Accept, RememberedKey, TriggerCalled};
use dormouse_webhook::provider::{HeadSignatures, Probe, Tolerance};
use dormouse_webhook::{DeliveryKey, InvalidKey, Rejected, TriggerToken, delivery_key};
use sha2::{Digest as _, Sha256};

use crate::endpoint::{Endpoint, Target};
use crate::received::{Received, Refusal};
use crate::secrets::Verifying;
use crate::triggers::Arrival;
use crate::webhooks::Webhooks;

/// A request whose head was accepted. Its body is read next.
struct CheckedHead {
    to: Endpoint,
    head: Request,
    /// The signatures in the head, if the webhook asks for one.
    signatures: Result<Option<HeadSignatures>, Rejected>,
    /// The key in the head.
    key: Result<Option<DeliveryKey>, InvalidKey>,
    /// The refusal that follows from the head. It is not made if the body shows that the request repeats another request
    /// or is a probe.
    head_refusal: Option<Refusal>,
}

impl Endpoint {
    /// Takes a request: checks its head, reads its body, checks the request, makes it durable, wakes the run, and returns
    /// the answer for the caller. If the workflow decides the answer, this waits for the workflow, within limits.
    ///
    /// `length` is the length of the body, if it is known. `body` reads the body. It is not polled if the request is
    /// refused because of its head.
    ///
    /// # Errors
    /// The error of `body`. The inner result has the reason why the request itself is refused.
    pub async fn receive<E>(
        self,
        head: Request,
        length: Option<u64>,
        body: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<Result<Received, Refusal>, E> {
        let checked_head = match self.check_head(head, length).await {
            Ok(checked_head) => checked_head,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let body = body.await?;
        let large_work = checked_head.to.webhooks.large_work.clone();
        Ok(large_work
            .begin(body.len(), checked_head.receive(body))
            .await)
    }

    /// Checks the head of a request.
    async fn check_head(self, head: Request, length: Option<u64>) -> Result<CheckedHead, Refusal> {
        let probe_check = self.probe_check();
        let may_be_probe =
            probe_check.and_then(|probe_check| probe_check.may_be_probe(&head, length));
        let is_known = self.providers.is_ok();
        if is_known && may_be_probe.is_none() && !self.options.delivers(&head.method) {
            return Err(self.wrong_method(&head.method));
        }
        let signatures = self.read_head(&head);
        let key = delivery_key(&head, self.signature_check().as_ref());
        let mut checked_head = CheckedHead {
            to: self,
            head,
            signatures,
            key,
            head_refusal: None,
        };
        if let Some(refusal) = checked_head.refuse(length).await? {
            let is_probe = may_be_probe.is_some_and(|probe| {
                is_known && !(probe.is_signed && checked_head.signatures.is_err())
            });
            let is_spared = is_probe || checked_head.may_repeat(&refusal).await?;
            if !is_spared {
                return Err(refusal);
            }
            checked_head.head_refusal = Some(refusal);
        }
        Ok(checked_head)
    }

    /// Reads the signatures in a head. None if the webhook asks for none.
    fn read_head(&self, head: &Request) -> Result<Option<HeadSignatures>, Rejected> {
        let Some(check) = self.signature_check() else {
            return Ok(None);
        };
        let limits = &self.webhooks.limits;
        let tolerance = Tolerance {
            own: self.options.tolerance,
            usual: limits.signature_tolerance,
            most: limits
                .signature_tolerance_limit
                .max(limits.signature_tolerance),
        };
        let now = self.webhooks.clock.machine_time();
        check.read_head(head, now, tolerance).map(Some)
    }

    /// Returns the reason why this webhook or trigger takes no requests, if there is one.
    async fn gone(&self) -> Result<Option<Refusal>, Refusal> {
        let (token, incoming) = match &self.target {
            Target::Webhook { token, incoming } => (token, incoming),
            Target::Trigger { token, called } => {
                return Ok(self.trigger_gone(*token, called.as_deref()));
            }
        };
        let incoming = match incoming {
            Some(incoming) => incoming,
            // The token proves that the webhook existed. So its run was removed by retention, or did not keep the
            // webhook when it continued as new.
            None => {
                let state = self.webhooks.store.state(token.run).await?;
                return Ok(Some(match state {
                    Some(state) if state.is_frozen() => Refusal::RunFailed,
                    Some(state) if !state.is_gone() && state.generation == 0 => Refusal::Unknown,
                    _ => Refusal::Gone,
                }));
            }
        };
        let is_gone = incoming.has_ended || incoming.webhook.closed;
        let failed = incoming.has_failed.then_some(Refusal::RunFailed);
        Ok(is_gone.then_some(Refusal::Gone).or(failed))
    }

    fn trigger_gone(&self, token: TriggerToken, called: Option<&TriggerCalled>) -> Option<Refusal> {
        let now = self.webhooks.clock.now();
        // The token proves that the trigger existed and had this URL.
        let called = called
            .filter(|called| called.has_workflow && called.trigger.takes(token.rotation, now));
        match called {
            None => Some(Refusal::TriggerGone),
            Some(called) if called.trigger.paused => Some(Refusal::TriggerPaused),
            Some(_) => None,
        }
    }

    /// Returns the names of the headers that prove who sent a request.
    fn proof_headers(&self) -> Vec<String> {
        let checks = self.signature_check().into_iter().chain(self.probe_check());
        checks.flat_map(|check| check.signature_headers()).collect()
    }
}

impl CheckedHead {
    /// Returns the reason why the request is refused because of its head. Whether the webhook is gone is no secret, so
    /// that is checked before the signature.
    async fn refuse(&self, length: Option<u64>) -> Result<Option<Refusal>, Refusal> {
        if let Some(gone) = self.to.gone().await? {
            return Ok(Some(gone));
        }
        if let Err(unknown) = &self.to.providers {
            return Ok(Some(unknown.clone().into()));
        }
        Ok(self.check_before_body(length).err())
    }

    /// Checks the head of a request to a webhook or a trigger that takes requests.
    fn check_before_body(&self, length: Option<u64>) -> Result<(), Refusal> {
        let Endpoint {
            webhooks,
            target,
            options,
            ..
        } = &self.to;
        let Some((_, secrets)) = target.workflow_and_secrets() else {
            return Err(Refusal::Unknown);
        };
        if options.signature.is_some() && secrets.is_empty() {
            return Err(Refusal::NoSecret);
        }
        if let Err(rejected) = self.signatures {
            return Err(rejected.into());
        }
        if let Err(invalid) = self.key {
            return Err(invalid.into());
        }
        let (run, number) = target.counted_as();
        let looked = webhooks.rates.look(run, number, webhooks.clock.now());
        looked.map_err(Refusal::Rate)?;
        if matches!(options.reply, Reply::FromWorkflow(_)) {
            let looked = webhooks.replies.look(run, number);
            looked.map_err(Refusal::TooManyHeld)?;
        }
        if let Target::Webhook { incoming, .. } = target
            && let Some(incoming) = incoming
        {
            let webhook = &incoming.webhook;
            let bytes = webhook.queued_bytes.saturating_add(length.unwrap_or(0));
            if webhook.queued >= webhooks.limits.inbox || bytes > webhooks.limits.inbox_bytes {
                return Err(Refusal::InboxFull);
            }
        }
        Ok(())
    }

    /// Returns true if the request may repeat another request, so that it gets the same answer although this refusal
    /// applies.
    async fn may_repeat(&self, refusal: &Refusal) -> Result<bool, Refusal> {
        let (Ok(_), Ok(key)) = (&self.signatures, &self.key) else {
            return Ok(false);
        };
        let key = match key {
            _ if !refusal.allows_repeats() => return Ok(false),
            // The key is in the body, so it is not known yet.
            _ if self.is_key_in_body() => None,
            Some(key) => Some(key.digest()),
            None => return Ok(false),
        };
        let store = &self.to.webhooks.store;
        Ok(match &self.to.target {
            Target::Webhook { token, .. } => store.remembers(token.run, token.webhook, key).await?,
            Target::Trigger { token, .. } => store.trigger_remembers(token.trigger, key).await?,
        })
    }

    fn is_key_in_body(&self) -> bool {
        let signature_check = self.to.signature_check();
        signature_check.is_some_and(|signature_check| signature_check.is_repeat_in_body())
    }

    /// Checks the request with its body, and passes it on if it is accepted.
    async fn receive(mut self, body: Bytes) -> Result<Received, Refusal> {
        self.head.body = body;
        let probe_check = self.to.probe_check();
        let probe = probe_check
            .as_ref()
            .and_then(|probe_check| probe_check.probe(&self.head));
        if let Some(probe) = probe.filter(|probe| !probe.is_signed()) {
            return self.answer(&probe).await;
        }
        if probe.is_none() && !self.to.options.delivers(&self.head.method) {
            return Err(self.to.wrong_method(&self.head.method));
        }
        match (self.check_signature(), &self.head_refusal) {
            // A sender without proof learns only the refusal that the head alone causes.
            (Err(_), Some(refusal)) => return Err(refusal.clone()),
            (proven, _) => proven?,
        }
        if let Some(probe) = probe {
            return self.answer(&probe).await;
        }
        let key = self.remembered_key()?;
        let accepted = self.to.providers.as_ref().ok();
        let accepted = accepted.and_then(|named| named.provider()?.accepted().cloned());
        let proof_headers = self.to.proof_headers();
        let webhooks = self.to.webhooks;
        let token = match self.to.target {
            Target::Webhook { token, .. } => token,
            Target::Trigger { called: None, .. } => return Err(Refusal::TriggerGone),
            Target::Trigger {
                token,
                called: Some(called),
            } => {
                let is_proof = |name: &str| {
                    proof_headers
                        .iter()
                        .any(|proof| proof.eq_ignore_ascii_case(name))
                };
                let shown = self.to.shown.into_iter();
                let arrival = Arrival {
                    token,
                    called: *called,
                    request: self.head,
                    shown: shown.filter(|(name, _)| !is_proof(name)).collect(),
                    remembered: key,
                    accepted,
                    head_refusal: self.head_refusal,
                };
                return webhooks.triggers.receive(arrival).await;
            }
        };
        let accept = Accept {
            run: token.run,
            webhook: token.webhook,
            id: webhooks.ids.next(webhooks.clock.now()).to_string(),
            request: self.head,
            key,
            remember: webhooks.limits.duplicate_window,
            limits: webhooks.inbox_limits(),
        };
        let reply = self.to.options.reply;
        webhooks
            .receive(accept, self.head_refusal, reply, accepted)
            .await
    }

    /// Returns the answer to a probe.
    async fn answer(&self, probe: &Probe<'_>) -> Result<Received, Refusal> {
        let options = &self.to.options;
        let Webhooks {
            providers,
            secrets: opener,
            ..
        } = &*self.to.webhooks;
        let workflow_and_secrets = self.to.target.workflow_and_secrets();
        let signature = options.signature.as_ref();
        let name = signature.and_then(|signature| signature.secrets.first());
        if let (Some(value), Some(name), Some((workflow, _))) =
            (probe.contained_secret(), name, workflow_and_secrets)
        {
            providers
                .store_secret_of_probe(opener, name, value, workflow)
                .await?;
        }
        let verifying = match workflow_and_secrets {
            Some((workflow, sealed)) if probe.needs_secret() => {
                opener.verifying(workflow, options, sealed)
            }
            _ => Verifying::default(),
        };
        let Verifying { secrets, closed } = verifying;
        if let (true, Some(unusable)) = (secrets.is_empty(), closed) {
            return Err(unusable.into());
        }
        let secrets: Vec<&[u8]> = secrets.iter().map(Secret::expose).collect();
        Ok(Received::Probe(probe.answer(&secrets)?))
    }

    /// Checks the signature. The body has been read by now.
    fn check_signature(&self) -> Result<(), Refusal> {
        let signatures = self.signatures.as_ref().map_err(|rejected| *rejected)?;
        let (Some(signatures), Some(check)) = (signatures, self.to.signature_check()) else {
            return Ok(());
        };
        let opener = &self.to.webhooks.secrets;
        let options = &self.to.options;
        let Some((workflow, sealed)) = self.to.target.workflow_and_secrets() else {
            return Err(Refusal::Unknown);
        };
        let Verifying { secrets, closed } = opener.verifying(workflow, options, sealed);
        if secrets.is_empty() {
            return Err(closed.map_or(Refusal::NoSecret, Refusal::Secret));
        }
        let secrets: Vec<&[u8]> = secrets.iter().map(Secret::expose).collect();
        let proven = check.verify(signatures, &secrets, &self.head);
        proven.map_err(|rejected| match (rejected, closed) {
            // The signature may be right under a secret that the host cannot open now, so the sender should try again.
            (Rejected::Wrong | Rejected::Unverifiable, Some(unusable)) => unusable.into(),
            (Rejected::Unverifiable, None) => {
                let (run, webhook) = self.to.target.counted_as();
                let providers = &self.to.webhooks.providers;
                providers.warn_once(run, webhook, &check, &secrets);
                rejected.into()
            }
            _ => rejected.into(),
        })
    }

    /// Returns the key by which a repeat of the request is recognised, in the form in which it is remembered.
    fn remembered_key(&self) -> Result<Option<RememberedKey>, Refusal> {
        let key = if self.is_key_in_body() {
            delivery_key(&self.head, self.to.signature_check().as_ref())
        } else {
            self.key.clone()
        };
        Ok(key?.map(|key| RememberedKey {
            digest: key.digest(),
            earlier: key.earlier_digest(),
            body: Sha256::digest(&self.head.body).into(),
            other_body: key.other_body(),
        }))
    }
}
