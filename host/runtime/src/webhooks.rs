//! Webhooks: from a genuine token to a durable request, and what its caller is answered.
//!
//! The checks are in the order of their cost and of what they give away: the provider's probe, the signature, the key by
//! which a repeat is known, the rate; then, in the transaction that makes the request durable: repeat, ended, full.

use std::sync::Arc;

use dormouse_journal::{Channel, Reply, Request, Response, RunId, WebhookNumber, WebhookOptions};
use dormouse_store::{
    Accept, Accepted, DeliveryKey, InboxLimits, OtherBody, ReadError, Webhook, WriteError,
};
use dormouse_webhook::{InvalidKey, Rejected, Token};

use crate::rates::Exceeded;
use crate::runtime::Core;
use crate::slots::Hint;
use crate::{Runtime, SecretTrouble, Unavailable};

/// A request to a webhook, of which the token is genuine.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// What the token names.
    pub token: Token,
    /// How the webhook treats what is sent to it.
    pub options: WebhookOptions,
    /// The request as the run is to see it.
    pub request: Request,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// It is durable.
    Accepted {
        /// Its id.
        id: String,
    },
    /// It repeats the request of this id.
    Duplicate {
        /// The first one's id.
        id: String,
    },
    /// It is durable, now or since it came for the first time, and this is the answer to it.
    Answered {
        /// The first one's id.
        id: String,
        /// What the workflow says.
        response: Response,
    },
    /// It was a provider's probe, and the run is not concerned.
    Probe(Response),
}

/// Why a request was not accepted. Nothing of it was stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// The webhook does not take this method.
    #[error("this webhook does not take {0}")]
    Method(String),
    /// It does not prove who sent it.
    #[error(transparent)]
    Signature(#[from] Rejected),
    /// The workflow may use none of the secrets that it named.
    #[error(
        "the signature cannot be checked: the host holds none of the secrets that the workflow named for this webhook, \
         or does not let it use them"
    )]
    NoSecret,
    /// Its `Idempotency-Key` cannot be one.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// Its key was used for another body.
    #[error("this Idempotency-Key came with another body before: use a new key for a new request")]
    OtherBody,
    /// The webhook was closed, or its run has ended.
    #[error("this webhook was closed, or its run has ended")]
    Gone,
    /// There is no such webhook.
    #[error("there is no such webhook on this host")]
    Unknown,
    /// The inbox is full.
    #[error("this webhook's inbox is full: the run has not taken what was sent before")]
    InboxFull,
    /// All inboxes together hold what the host allows.
    #[error("the inboxes of this host are full: runs have not taken what was sent before")]
    HostFull,
    /// It came too soon after others.
    #[error("requests come faster than the host takes them")]
    Rate(Exceeded),
    /// No more callers can be held.
    #[error("the host holds as many callers as it may while their workflows decide what to answer")]
    TooManyHeld,
    /// The host cannot open the secrets that it is to be checked by.
    #[error(transparent)]
    Secret(#[from] SecretTrouble),
    /// The host cannot do it now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Refusal {
    /// What the store found.
    pub(crate) fn of(refused: &Accepted) -> Self {
        match refused {
            Accepted::OtherBody => Refusal::OtherBody,
            Accepted::Closed | Accepted::Ended => Refusal::Gone,
            Accepted::InboxFull => Refusal::InboxFull,
            Accepted::HostFull => Refusal::HostFull,
            Accepted::UnknownWebhook => Refusal::Unknown,
            Accepted::Queued { .. } | Accepted::Duplicate { .. } => {
                unreachable!("a request that was accepted was not refused")
            }
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        Refusal::Unavailable(error.into())
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        Refusal::Unavailable(error.into())
    }
}

impl Runtime {
    /// What a token names, if it is genuine. Does not look into the store.
    #[must_use]
    pub fn read_token(&self, text: &str) -> Option<Token> {
        self.core().urls.tokens().read(text).ok()
    }

    /// A webhook's options, as far as they decide what becomes of a request before it is read. None if its run was
    /// removed, or was never activated.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn webhook(&self, token: Token) -> Result<Option<Webhook>, Unavailable> {
        Ok(self.store().read()?.webhook(token.run, token.webhook)?)
    }

    /// Checks a request, makes it durable, and gives what its caller is to be answered. The run is being woken by then.
    /// If its workflow decides the answer, this takes as long as it takes to decide it, within limits.
    ///
    /// # Errors
    /// When it was not accepted.
    pub async fn receive(&self, incoming: Incoming) -> Result<Received, Refusal> {
        if let Some(answer) = self.check(&incoming)? {
            return Ok(Received::Probe(answer));
        }
        let Incoming {
            token: Token { run, webhook },
            options,
            request,
        } = incoming;
        let scheme = options.signature.as_ref().map(|signature| signature.scheme);
        let key = dormouse_webhook::delivery_key(&request, scheme)?;
        let limits = &self.settings().limits;
        let accept = Accept {
            run,
            webhook,
            id: self.core().new_id().to_string(),
            request,
            key: key.as_ref().map(stored_key),
            remember: self.settings().duplicate_window,
            limits: InboxLimits {
                requests: limits.inbox,
                bytes: limits.inbox_bytes,
                host_bytes: limits.host_inbox_bytes,
            },
        };
        match options.reply {
            Reply::Accepted => self.accept_and_wake(accept).await,
            Reply::Fixed(response) => {
                let (Received::Accepted { id } | Received::Duplicate { id }) =
                    self.accept_and_wake(accept).await?
                else {
                    unreachable!("a request that waits for no answer is accepted or a repeat")
                };
                Ok(Received::Answered { id, response })
            }
            Reply::FromWorkflow(within) => self.accept_and_hold(accept, within).await,
        }
    }

    /// Checks what needs no key and no transaction. Gives the answer to a probe.
    fn check(&self, incoming: &Incoming) -> Result<Option<Response>, Refusal> {
        let Incoming {
            token,
            options,
            request,
        } = incoming;
        let probe = || dormouse_webhook::probe(options.handshake, request);
        let is_signed = dormouse_webhook::is_probe_signed(options.handshake);
        if !is_signed && let Some(answer) = probe() {
            return Ok(Some(answer));
        }
        // A method may have been let in only because probes come by it.
        let may_be_taken = options.delivers(&request.method) || is_signed && probe().is_some();
        if !may_be_taken {
            return Err(Refusal::Method(request.method.clone()));
        }
        if let Some(signature) = &options.signature {
            let snapshot = self.read()?;
            let Some(run) = snapshot.run(token.run)? else {
                return Err(Refusal::Gone);
            };
            let secrets = self
                .core()
                .verifying(&snapshot, &run.workflow, &signature.secrets)?;
            if secrets.is_empty() {
                return Err(Refusal::NoSecret);
            }
            let secrets: Vec<&[u8]> = secrets.iter().map(|secret| secret.expose()).collect();
            let tolerance = self.settings().limits.signature_tolerance;
            let now = self.clock().now();
            dormouse_webhook::verify(signature, &secrets, request, now, tolerance)?;
        }
        Ok(if is_signed { probe() } else { None })
    }

    async fn accept_and_wake(&self, accept: Accept) -> Result<Received, Refusal> {
        let (run, webhook, id) = (accept.run, accept.webhook, accept.id.clone());
        match self.accept(accept).await? {
            Accepted::Queued { is_due, .. } => {
                wake(self.core(), run, webhook, is_due);
                Ok(Received::Accepted { id })
            }
            Accepted::Duplicate { id, .. } => Ok(Received::Duplicate { id }),
            refused => Err(Refusal::of(&refused)),
        }
    }

    /// Makes a request durable, unless others came too fast before it. A repeat, and a request that nobody takes, is
    /// answered as such all the same.
    pub(crate) async fn accept(&self, accept: Accept) -> Result<Accepted, Refusal> {
        let now = self.clock().now();
        match self.core().rates.admit(accept.run, accept.webhook, now) {
            Ok(()) => Ok(self.store().accept(accept).await?),
            Err(exceeded) => self
                .read()?
                .answer_at_any_rate(&accept)?
                .ok_or(Refusal::Rate(exceeded)),
        }
    }
}

/// A request was queued; the run is woken if it has something to do now.
pub(crate) fn wake(core: &Arc<Core>, run: RunId, webhook: WebhookNumber, is_due: bool) {
    if is_due {
        core.wake(run, Hint::Channel(Channel::Webhook(webhook)));
    }
}

fn stored_key(key: &dormouse_webhook::DeliveryKey) -> DeliveryKey {
    DeliveryKey {
        digest: key.digest(),
        other_body: match key.other_body() {
            dormouse_webhook::OtherBody::Refuse => OtherBody::Refuse,
            dormouse_webhook::OtherBody::Queue => OtherBody::Queue,
            dormouse_webhook::OtherBody::Same => OtherBody::Same,
        },
    }
}

impl Core {
    /// A new id, ordered by time.
    pub(crate) fn new_id(&self) -> RunId {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        RunId::new(self.clock.now(), random)
    }
}
