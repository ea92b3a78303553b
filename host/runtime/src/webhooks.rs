//! Webhooks: from a genuine token to a durable request, and what its caller is answered.
//!
//! The checks are in the order of their cost and of what they give away: the provider's probe, the signature, the key by
//! which a repeat is known, the rate; then, in the transaction that makes the request durable: repeat, ended, full.

use std::sync::Arc;

use dormouse_journal::{
    Delivery, Reply, Request, Response, RunId, Signature, Until, WebhookNumber, WebhookOptions,
};
use dormouse_limits::Limits;
use dormouse_seams::HostClock;
use dormouse_secret::Secret;
use dormouse_store::{
    Accept, Accepted, Answer, Following, InboxLimits, IncomingView, RememberedKey, Store,
    WriteError,
};
use dormouse_webhook::{Rejected, Token, probe_method};
use sha2::{Digest as _, Sha256};

use crate::Unavailable;
use crate::early::EarlyRequest;
use crate::hint::Hint;
use crate::rates::Rates;
use crate::received::{Received, Refusal};
use crate::replies::{Replies, answered};
use crate::run_ids::RunIds;
use crate::secrets::{Secrets, Verifying};
use crate::wake::Wake;
use crate::watchers::Watchers;

/// Takes requests to webhooks.
pub(crate) struct Webhooks {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) wake: Wake,
    pub(crate) ids: Arc<RunIds>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) replies: Arc<Replies>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) rates: Rates,
    pub(crate) limits: Arc<Limits>,
}

/// The webhook that a genuine token names, as it was when its request came.
pub struct Addressee {
    webhooks: Arc<Webhooks>,
    token: Token,
    options: WebhookOptions,
    /// None if the run never created such a webhook, or was removed.
    incoming: Option<IncomingView>,
}

/// The leave to read a request of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// False if only the provider's probe may come by this method.
    delivers: bool,
}

impl Addressee {
    pub(crate) async fn find(webhooks: Arc<Webhooks>, token: Token) -> Result<Self, Unavailable> {
        let incoming = webhooks.store.incoming(token.run, token.webhook).await?;
        let options = incoming
            .as_ref()
            .map(|incoming| incoming.webhook.options.clone());
        Ok(Addressee {
            webhooks,
            token,
            options: options.unwrap_or_default(),
            incoming,
        })
    }

    /// Returns the methods by which a request or a probe may come.
    #[must_use]
    pub fn methods(&self) -> Vec<&str> {
        let mut methods = self.options.delivered_methods();
        let probe = probe_method(self.options.handshake);
        methods.extend(probe.filter(|probe| !self.options.delivers(probe)));
        methods
    }

    /// Judges a request by its method, before it is read.
    ///
    /// # Errors
    /// When neither a request nor a probe may come by this method.
    pub fn admit(&self, method: &str) -> Result<Admitted, Refusal> {
        let delivers = self.options.delivers(method);
        if delivers || probe_method(self.options.handshake) == Some(method) {
            Ok(Admitted { delivers })
        } else {
            Err(Refusal::Method(method.to_owned()))
        }
    }

    /// Checks a request, makes it durable, and returns what its caller is to be answered. The run is being woken by then.
    /// If its workflow decides the answer, this takes as long as it takes to decide it, within limits.
    ///
    /// # Errors
    /// When it was not accepted.
    pub async fn receive(self, admitted: Admitted, request: Request) -> Result<Received, Refusal> {
        if let Some(answer) = self.check(admitted, &request)? {
            return Ok(Received::Probe(answer));
        }
        let signature = self.options.signature.as_ref();
        let scheme = signature.map(|signature| signature.scheme);
        let key = dormouse_webhook::delivery_key(&request, scheme)?;
        let key = key.map(|key| stored_key(&key, &request));
        let webhooks = self.webhooks;
        let accept = Accept {
            run: self.token.run,
            webhook: self.token.webhook,
            id: webhooks.ids.next(webhooks.clock.now()).to_string(),
            request,
            key,
            remember: webhooks.limits.duplicate_window,
            limits: webhooks.inbox_limits(),
        };
        match self.options.reply {
            Reply::Accepted => Ok(webhooks.accept(accept).await?.acknowledged()),
            Reply::Fixed(response) => Ok(Received::Answered {
                id: webhooks.accept(accept).await?.id,
                response,
            }),
            Reply::FromWorkflow(within) => webhooks.accept_and_hold(accept, within).await,
        }
    }

    /// Checks what needs no key and no transaction. Returns the answer to a probe.
    fn check(&self, admitted: Admitted, request: &Request) -> Result<Option<Response>, Refusal> {
        let handshake = self.options.handshake;
        let probe = dormouse_webhook::probe(handshake, request);
        if probe.is_some() && !dormouse_webhook::is_probe_signed(handshake) {
            return Ok(probe);
        }
        if probe.is_none() && !admitted.delivers {
            return Err(Refusal::Method(request.method.clone()));
        }
        if let (Some(signature), Some(incoming)) = (&self.options.signature, &self.incoming) {
            let by = self.webhooks.secrets.verifying(incoming);
            self.webhooks.verify(signature, request, by)?;
        }
        Ok(probe)
    }
}

impl Webhooks {
    fn inbox_limits(&self) -> InboxLimits {
        InboxLimits {
            requests: self.limits.inbox,
            bytes: self.limits.inbox_bytes,
            host_bytes: self.limits.host_inbox_bytes,
        }
    }

    fn verify(
        &self,
        signature: &Signature,
        request: &Request,
        by: Verifying,
    ) -> Result<(), Refusal> {
        let Verifying { secrets, closed } = by;
        if secrets.is_empty() {
            return Err(closed.map_or(Refusal::NoSecret, Refusal::Secret));
        }
        let secrets: Vec<&[u8]> = secrets.iter().map(Secret::expose).collect();
        let tolerance = self.limits.signature_tolerance;
        let now = self.clock.machine_time();
        let verified = dormouse_webhook::verify(signature, &secrets, request, now, tolerance);
        verified.map_err(|rejected| match closed {
            // It may be right by the secret that the host cannot open now, so that its sender shall try again.
            Some(trouble) if rejected == Rejected::Wrong => trouble.into(),
            _ => rejected.into(),
        })
    }

    /// Makes a request durable and wakes its run, unless others came too fast before it. A repeat, and a request that
    /// nobody takes, is told so all the same.
    async fn accept(&self, accept: Accept) -> Result<Delivered, Refusal> {
        let (run, webhook, id) = (accept.run, accept.webhook, accept.id.clone());
        let accepted = match self.rates.admit(run, webhook, self.clock.now()) {
            Ok(()) => self.accept_and_wake(accept).await?,
            Err(exceeded) => {
                let answer = self.store.answer_at_any_rate(accept).await?;
                answer.ok_or(Refusal::Rate(exceeded))?
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
    async fn accept_and_hold(&self, accept: Accept, within: u64) -> Result<Received, Refusal> {
        let until = self.clock.now().after(within.min(self.limits.reply_wait));
        let _permit = self.replies.permit().ok_or(Refusal::TooManyHeld)?;
        // Both are waited for before the request is queued: from then on they may come at any time.
        let run = accept.run;
        let ended = self.watchers.wait(run, Until::Ended);
        let mut answer = self.replies.wait(run, &accept.id);
        let delivered = self.accept(accept).await?;
        if delivered.is_repeat {
            answer = self.replies.wait(run, &delivered.id);
            match self.decided(&delivered).await? {
                Answer::Open => {}
                decided => return delivered.received(decided),
            }
        }
        let passed = self.clock.sleep_until(until);
        match answered(answer, ended, passed).await {
            Some(response) => delivered.received(Answer::Decided(response)),
            None => {
                let decided = self.decided(&delivered).await?;
                delivered.received(decided)
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

fn stored_key(key: &dormouse_webhook::DeliveryKey, request: &Request) -> RememberedKey {
    RememberedKey {
        digest: key.digest(),
        body: Sha256::digest(&request.body).into(),
        other_body: key.other_body(),
    }
}
