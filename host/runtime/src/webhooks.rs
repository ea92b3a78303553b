//! Webhooks: from a genuine token to a durable request, and what its caller is answered.
//!
//! A request is judged twice. By its head, before its body is read ([`Addressee::judge`]): the method, whether the webhook
//! is gone, the spelling of its signature and of its key, the rate, the room in the inbox. What could be the repeat of
//! another request, or a probe, is read in spite of that. Then with its body ([`Expected::receive`]): the probe, the
//! signature, the key, the rate, which is charged here and only here; and, in the transaction that makes the request
//! durable: repeat, ended, full.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use dormouse_journal::{
    Delivery, Header, Reply, Request, Response, RunId, Until, WebhookNumber, WebhookOptions,
};
use dormouse_limits::Limits;
use dormouse_seams::HostClock;
use dormouse_secret::Secret;
use dormouse_store::{
    Accept, Accepted, Answer, Following, InboxLimits, IncomingView, RememberedKey, SealedSecret,
    Store, TriggerCalled, WriteError,
};
use dormouse_webhook::provider::{Check, Claim, Probe, Tolerance};
use dormouse_webhook::{DeliveryKey, InvalidKey, Rejected, Token, TriggerToken, delivery_key};
use futures::future::{Either, select};
use sha2::{Digest as _, Sha256};

use crate::Unavailable;
use crate::early::EarlyRequest;
use crate::hint::Hint;
use crate::rates::Rates;
use crate::received::{Received, Refusal};
use crate::replies::{Replies, answered};
use crate::run_ids::RunIds;
use crate::secrets::{Secrets, Verifying};
use crate::storage::storage_limits;
use crate::triggers::{Arrival, Triggers, counted_as};
use crate::unknown_provider::UnknownProvider;
use crate::urls::Address;
use crate::wake::Wake;
use crate::watchers::Watchers;
use crate::webhook_providers::{Named, WebhookProviders};

/// Takes requests to webhooks.
pub(crate) struct Webhooks {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) wake: Wake,
    pub(crate) ids: Arc<RunIds>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) replies: Arc<Replies>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) providers: WebhookProviders,
    pub(crate) rates: Arc<Rates>,
    pub(crate) triggers: Arc<Triggers>,
    pub(crate) limits: Arc<Limits>,
}

/// The webhook or the trigger that a genuine token names, as it was when its request came.
pub struct Addressee {
    webhooks: Arc<Webhooks>,
    target: Target,
    options: WebhookOptions,
    /// The descriptions of its providers.
    providers: Result<Named, UnknownProvider>,
    /// The headers of the request that a run may see which it starts.
    shown: Vec<Header>,
}

/// What a genuine token names.
enum Target {
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
    fn counted_as(&self) -> (RunId, WebhookNumber) {
        match self {
            Target::Webhook { token, .. } => (token.run, token.webhook),
            Target::Trigger { token, .. } => counted_as(*token),
        }
    }

    /// Returns the workflow that its requests are for, and the secrets that it names and that exist. None if it is gone.
    fn judged_by(&self) -> Option<(&str, &[(String, SealedSecret)])> {
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

/// A request of which the head is there, and was found good. Its body is to be read next.
pub struct Expected {
    to: Addressee,
    head: Request,
    /// The signatures that the head carries, where the webhook asks for one.
    claim: Result<Option<Claim>, Rejected>,
    /// The key that the head carries.
    key: Result<Option<DeliveryKey>, InvalidKey>,
    /// Why the request is refused unless its body makes it a repeat of another, or a probe.
    unless: Option<Refusal>,
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
    fn signer(&self) -> Option<Check<'_>> {
        self.providers.as_ref().ok()?.signer(&self.options)
    }

    /// What knows the provider's probes.
    fn prober(&self) -> Option<Check<'_>> {
        self.providers.as_ref().ok()?.prober(&self.options)
    }

    /// Returns the methods by which probes come.
    fn probe_methods(&self) -> Vec<&str> {
        let prober = self.prober();
        prober.map_or_else(Vec::new, |prober| prober.probe_methods())
    }

    /// Returns the names of the headers that prove who sent a request.
    fn proofs(&self) -> Vec<String> {
        let checks = self.signer().into_iter().chain(self.prober());
        checks.flat_map(|check| check.signature_headers()).collect()
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

    /// Judges a request by its head, before its body is read. `length` is the length of the body, as far as it is known.
    ///
    /// # Errors
    /// When the request is refused, whatever its body is.
    pub async fn judge(self, head: Request, length: Option<u64>) -> Result<Expected, Refusal> {
        let prober = self.prober();
        let may_be_probe = prober.and_then(|prober| prober.may_be_probe(&head, length));
        let is_known = self.providers.is_ok();
        if is_known && may_be_probe.is_none() && !self.options.delivers(&head.method) {
            return Err(self.wrong_method(&head.method));
        }
        let claim = self.claim(&head);
        let key = delivery_key(&head, self.signer().as_ref());
        let mut expected = Expected {
            to: self,
            head,
            claim,
            key,
            unless: None,
        };
        if let Some(refusal) = expected.refuse(length).await? {
            let is_probe = may_be_probe
                .is_some_and(|probe| is_known && !(probe.is_signed && expected.claim.is_err()));
            let is_spared = is_probe || expected.may_repeat(&refusal).await?;
            if !is_spared {
                return Err(refusal);
            }
            expected.unless = Some(refusal);
        }
        Ok(expected)
    }

    fn wrong_method(&self, method: &str) -> Refusal {
        Refusal::Method {
            method: method.to_owned(),
            allowed: self.allowed(),
        }
    }

    /// Reads the signatures that a head carries. None if the webhook asks for none.
    fn claim(&self, head: &Request) -> Result<Option<Claim>, Rejected> {
        let Some(check) = self.signer() else {
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
        check.claim(head, now, tolerance).map(Some)
    }

    /// Returns why no request is taken here any more, or for the time being, if that is so.
    async fn gone(&self) -> Result<Option<Refusal>, Refusal> {
        let (token, incoming) = match &self.target {
            Target::Webhook { token, incoming } => (token, incoming),
            Target::Trigger { token, called } => {
                return Ok(self.trigger_gone(*token, called.as_deref()));
            }
        };
        let incoming = match incoming {
            Some(incoming) => incoming,
            // The token proves that the run was there, and was removed by retention; or that the webhook was, and was not
            // kept when the run continued as new.
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
        // The token proves that the trigger was there, and had this URL.
        let called = called
            .filter(|called| called.has_workflow && called.trigger.takes(token.rotation, now));
        match called {
            None => Some(Refusal::TriggerGone),
            Some(called) if called.trigger.paused => Some(Refusal::TriggerPaused),
            Some(_) => None,
        }
    }
}

impl Expected {
    /// Returns why the request is refused by its head, if it is. What is gone is gone for everybody, so that this comes
    /// before the signature.
    async fn refuse(&self, length: Option<u64>) -> Result<Option<Refusal>, Refusal> {
        if let Some(gone) = self.to.gone().await? {
            return Ok(Some(gone));
        }
        if let Err(unknown) = &self.to.providers {
            return Ok(Some(unknown.clone().into()));
        }
        Ok(self.refuse_to_open(length).err())
    }

    /// Checks the head of a request to what is open.
    fn refuse_to_open(&self, length: Option<u64>) -> Result<(), Refusal> {
        let Addressee {
            webhooks,
            target,
            options,
            ..
        } = &self.to;
        let Some((_, secrets)) = target.judged_by() else {
            return Err(Refusal::Unknown);
        };
        if options.signature.is_some() && secrets.is_empty() {
            return Err(Refusal::NoSecret);
        }
        if let Err(rejected) = self.claim {
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

    /// Returns true if the request may repeat another, and would be answered like it although it is refused for this.
    async fn may_repeat(&self, refusal: &Refusal) -> Result<bool, Refusal> {
        let (Ok(_), Ok(key)) = (&self.claim, &self.key) else {
            return Ok(false);
        };
        let key = match key {
            _ if !refusal.spares_repeats() => return Ok(false),
            // Whatever it is, it must be one that is remembered.
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
        let signer = self.to.signer();
        signer.is_some_and(|signer| signer.is_repeat_in_body())
    }

    /// Checks the request with its body, makes it durable, and returns what its caller is to be answered. The run is being
    /// woken by then. If its workflow decides the answer, this takes as long as it takes to decide it, within limits.
    ///
    /// # Errors
    /// When it was not accepted.
    pub async fn receive(mut self, body: Bytes) -> Result<Received, Refusal> {
        self.head.body = body;
        let prober = self.to.prober();
        let probe = prober.as_ref().and_then(|prober| prober.probe(&self.head));
        if let Some(probe) = probe.filter(|probe| !probe.is_signed()) {
            return self.answer(&probe).await;
        }
        if probe.is_none() && !self.to.options.delivers(&self.head.method) {
            return Err(self.to.wrong_method(&self.head.method));
        }
        match (self.prove(), &self.unless) {
            // Who proves nothing is told no more than the head was refused for.
            (Err(_), Some(refusal)) => return Err(refusal.clone()),
            (proven, _) => proven?,
        }
        if let Some(probe) = probe {
            return self.answer(&probe).await;
        }
        let key = self.remembered_key()?;
        let accepted = self.to.providers.as_ref().ok();
        let accepted = accepted.and_then(|named| named.provider()?.accepted().cloned());
        let proofs = self.to.proofs();
        let webhooks = self.to.webhooks;
        let token = match self.to.target {
            Target::Webhook { token, .. } => token,
            Target::Trigger { called: None, .. } => return Err(Refusal::TriggerGone),
            Target::Trigger {
                token,
                called: Some(called),
            } => {
                let is_proof =
                    |name: &str| proofs.iter().any(|proof| proof.eq_ignore_ascii_case(name));
                let shown = self.to.shown.into_iter();
                let arrival = Arrival {
                    token,
                    called: *called,
                    request: self.head,
                    shown: shown.filter(|(name, _)| !is_proof(name)).collect(),
                    remembered: key,
                    accepted,
                    unless: self.unless,
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
        let unless = self.unless;
        match self.to.options.reply {
            Reply::Accepted => {
                let delivered = webhooks.accept(accept, unless).await?;
                Ok(match accepted {
                    Some(response) => Received::AcknowledgedAs {
                        id: delivered.id,
                        response,
                        is_repeat: delivered.is_repeat,
                    },
                    None => delivered.acknowledged(),
                })
            }
            Reply::Fixed(response) => Ok(Received::Answered {
                id: webhooks.accept(accept, unless).await?.id,
                response,
            }),
            Reply::FromWorkflow(within) => webhooks.accept_and_hold(accept, unless, within).await,
        }
    }

    /// Returns the answer to a probe.
    async fn answer(&self, probe: &Probe<'_>) -> Result<Received, Refusal> {
        let options = &self.to.options;
        let Webhooks {
            providers,
            secrets: opener,
            ..
        } = &*self.to.webhooks;
        let judged_by = self.to.target.judged_by();
        let signature = options.signature.as_ref();
        let name = signature.and_then(|signature| signature.secrets.first());
        if let (Some(value), Some(name), Some((workflow, _))) = (probe.learns(), name, judged_by) {
            providers.learn(opener, name, value, workflow).await?;
        }
        let verifying = match judged_by {
            Some((workflow, sealed)) if probe.needs_secret() => {
                opener.verifying(workflow, options, sealed)
            }
            _ => Verifying::default(),
        };
        let Verifying { secrets, closed } = verifying;
        if let (true, Some(trouble)) = (secrets.is_empty(), closed) {
            return Err(trouble.into());
        }
        let secrets: Vec<&[u8]> = secrets.iter().map(Secret::expose).collect();
        Ok(Received::Probe(probe.answer(&secrets)?))
    }

    /// Checks the signature, now that the body is there.
    fn prove(&self) -> Result<(), Refusal> {
        let claim = self.claim.as_ref().map_err(|rejected| *rejected)?;
        let (Some(claim), Some(check)) = (claim, self.to.signer()) else {
            return Ok(());
        };
        let opener = &self.to.webhooks.secrets;
        let options = &self.to.options;
        let Some((workflow, sealed)) = self.to.target.judged_by() else {
            return Err(Refusal::Unknown);
        };
        let Verifying { secrets, closed } = opener.verifying(workflow, options, sealed);
        if secrets.is_empty() {
            return Err(closed.map_or(Refusal::NoSecret, Refusal::Secret));
        }
        let secrets: Vec<&[u8]> = secrets.iter().map(Secret::expose).collect();
        let proven = check.prove(claim, &secrets, &self.head);
        proven.map_err(|rejected| match (rejected, closed) {
            // It may be right by the secret that the host cannot open now, so that its sender shall try again.
            (Rejected::Wrong | Rejected::Unverifiable, Some(trouble)) => trouble.into(),
            (Rejected::Unverifiable, None) => {
                let (run, webhook) = self.to.target.counted_as();
                let providers = &self.to.webhooks.providers;
                providers.complain(run, webhook, &check, &secrets);
                rejected.into()
            }
            _ => rejected.into(),
        })
    }

    /// Returns the key by which a repeat of the request is known, as it is remembered.
    fn remembered_key(&self) -> Result<Option<RememberedKey>, Refusal> {
        let key = if self.is_key_in_body() {
            delivery_key(&self.head, self.to.signer().as_ref())
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

impl Webhooks {
    fn inbox_limits(&self) -> InboxLimits {
        InboxLimits {
            requests: self.limits.inbox,
            bytes: self.limits.inbox_bytes,
            host_bytes: self.limits.host_inbox_bytes,
            storage: storage_limits(&self.limits),
        }
    }

    /// Makes a request durable and wakes its run, unless it is refused, or others came too fast before it. A repeat is told
    /// so all the same, from a read.
    async fn accept(&self, accept: Accept, unless: Option<Refusal>) -> Result<Delivered, Refusal> {
        let (run, webhook, id) = (accept.run, accept.webhook, accept.id.clone());
        let refusal = unless.or_else(|| {
            let admitted = self.rates.admit(run, webhook, self.clock.now());
            admitted.err().map(Refusal::Rate)
        });
        let accepted = match (refusal, accept.key) {
            (None, _) => self.accept_and_wake(accept).await?,
            (Some(refusal), None) => return Err(refusal),
            (Some(refusal), Some(key)) => {
                let repeat = self.store.repeat(run, webhook, key).await?;
                repeat.ok_or(refusal)?
            }
        };
        let (id, place, is_repeat) = match accepted {
            Accepted::Queued { place, .. } => (id, place, false),
            Accepted::Duplicate { id, place } => (id, place, true),
            Accepted::Refused(refused) => return Err(refused.into()),
        };
        Ok(Delivered {
            run,
            webhook,
            id,
            place,
            is_repeat,
        })
    }

    /// The run is woken as soon as its request has a place, and while that becomes durable.
    async fn accept_and_wake(&self, accept: Accept) -> Result<Accepted, WriteError> {
        let wake = self.wake.clone();
        let (run, webhook) = (accept.run, accept.webhook);
        let (id, request) = (accept.id.clone(), accept.request.clone());
        let decided = move |accepted: &Accepted| -> Option<Following> {
            let Accepted::Queued {
                is_due: true,
                place,
                is_first,
                time,
            } = *accepted
            else {
                return None;
            };
            let early = EarlyRequest {
                webhook,
                place,
                is_first,
                delivery: Delivery {
                    id,
                    accepted: time,
                    request,
                },
            };
            let hint = Hint::Request(Box::new(early));
            Some(Box::new(move |hold| wake.wake_early(run, hint, hold)))
        };
        self.store.accept(accept, Box::new(decided)).await
    }

    /// Accepts a request, and holds its caller for this many milliseconds, or until the workflow has answered.
    async fn accept_and_hold(
        &self,
        accept: Accept,
        unless: Option<Refusal>,
        within: u64,
    ) -> Result<Received, Refusal> {
        let until = self.clock.now().after(within.min(self.limits.reply_wait));
        let place = self.replies.place(accept.run, accept.webhook);
        let _place = place.map_err(Refusal::TooManyHeld)?;
        // Both are waited for before the request is queued: from then on they may come at any time.
        let run = accept.run;
        let mut ended = self.watchers.wait(run, Until::Ended);
        let mut next = self.replies.next_generation(run);
        let mut answer = self.replies.wait(run, &accept.id);
        let delivered = self.accept(accept, unless).await?;
        if delivered.is_repeat {
            answer = self.replies.wait(run, &delivered.id);
            match self.decided(&delivered).await? {
                Answer::Open => {}
                decided => return delivered.received(decided),
            }
        }
        let mut passed = pin!(self.clock.sleep_until(until));
        loop {
            let over = pin!(answered(&mut answer, &mut ended, passed.as_mut()));
            match select(over, next).await {
                Either::Left((Some(response), _)) => {
                    return delivered.received(Answer::Decided(response));
                }
                Either::Left((None, _)) => {
                    let decided = self.decided(&delivered).await?;
                    return delivered.received(decided);
                }
                Either::Right(_) => next = self.replies.next_generation(run),
            }
            match self.decided(&delivered).await? {
                Answer::Open => {}
                decided => return delivered.received(decided),
            }
        }
    }

    /// Returns what is decided about a delivery's caller, as far as the store knows.
    async fn decided(&self, delivered: &Delivered) -> Result<Answer, Refusal> {
        let (run, webhook) = (delivered.run, delivered.webhook);
        let id = delivered.id.clone();
        Ok(self.store.answer(run, webhook, id, delivered.place).await?)
    }
}

/// A request that was accepted, now or when it came for the first time.
struct Delivered {
    run: RunId,
    webhook: WebhookNumber,
    id: String,
    /// Where it lay in the inbox.
    place: u64,
    is_repeat: bool,
}

impl Delivered {
    /// The default acknowledgement, for callers that no reply is configured for or decided.
    fn acknowledged(self) -> Received {
        let id = self.id;
        if self.is_repeat {
            Received::Duplicate { id }
        } else {
            Received::Accepted { id }
        }
    }

    /// What the caller is answered who cannot be held any longer.
    fn received(self, answer: Answer) -> Result<Received, Refusal> {
        match answer {
            Answer::Decided(response) => Ok(Received::Answered {
                id: self.id,
                response,
            }),
            Answer::Ended { was_taken: false } => Err(Refusal::Gone),
            Answer::Ended { was_taken: true } | Answer::Open => Ok(self.acknowledged()),
        }
    }
}
