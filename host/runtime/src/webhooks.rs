//! Webhooks: from a genuine token to a durable request, and what its caller is answered.
//!
//! The checks are in the order of their cost and of what they give away: the provider's probe, the signature, the key by
//! which a repeat is known, the rate; then, in the transaction that makes the request durable: repeat, ended, full.

use dormouse_journal::{
    Delivery, Reply, Request, Response, RunId, Signature, WebhookNumber, WebhookOptions,
};
use dormouse_secret::Secret;
use dormouse_store::{
    Accept, Accepted, DeliveryKey, Following, InboxLimits, OtherBody, ReadError, RequestRefused,
    Webhook, WriteError,
};
use dormouse_webhook::{InvalidKey, Rejected, Token};
use sha2::{Digest as _, Sha256};

use crate::foretold::Arrived;
use crate::rates::Exceeded;
use crate::runtime::Core;
use crate::secrets::Verifying;
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

impl From<RequestRefused> for Refusal {
    fn from(refused: RequestRefused) -> Self {
        match refused {
            RequestRefused::OtherBody => Refusal::OtherBody,
            RequestRefused::Closed | RequestRefused::Ended => Refusal::Gone,
            RequestRefused::InboxFull => Refusal::InboxFull,
            RequestRefused::HostFull => Refusal::HostFull,
            RequestRefused::UnknownWebhook => Refusal::Unknown,
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
        let key = key.map(|key| stored_key(&key, &request));
        let limits = &self.settings().limits;
        let accept = Accept {
            run,
            webhook,
            id: self.core().new_id().to_string(),
            request,
            key,
            remember: self.settings().duplicate_window,
            limits: InboxLimits {
                requests: limits.inbox,
                bytes: limits.inbox_bytes,
                host_bytes: limits.host_inbox_bytes,
            },
        };
        let (delivered, answer) = match options.reply {
            Reply::Accepted => (self.accept(accept).await?, None),
            Reply::Fixed(response) => (self.accept(accept).await?, Some(response)),
            Reply::FromWorkflow(within) => return self.accept_and_hold(accept, within).await,
        };
        Ok(match answer {
            Some(response) => Received::Answered {
                id: delivered.id,
                response,
            },
            None => delivered.acknowledged(),
        })
    }

    /// Checks what needs no key and no transaction. Gives the answer to a probe.
    fn check(&self, incoming: &Incoming) -> Result<Option<Response>, Refusal> {
        let Incoming {
            token,
            options,
            request,
        } = incoming;
        let probe = dormouse_webhook::probe(options.handshake, request);
        if probe.is_some() && !dormouse_webhook::is_probe_signed(options.handshake) {
            return Ok(probe);
        }
        // A method may have been let in only because probes come by it.
        if probe.is_none() && !options.delivers(&request.method) {
            return Err(Refusal::Method(request.method.clone()));
        }
        if let Some(signature) = &options.signature {
            let snapshot = self.read()?;
            let Some(run) = snapshot.run(token.run)? else {
                return Err(Refusal::Gone);
            };
            let by = self
                .core()
                .verifying(&snapshot, &run.workflow, &signature.secrets)?;
            self.verify(signature, request, by)?;
        }
        Ok(probe)
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
        let tolerance = self.settings().limits.signature_tolerance;
        let now = self.clock().machine_time();
        let verified = dormouse_webhook::verify(signature, &secrets, request, now, tolerance);
        verified.map_err(|rejected| match closed {
            // It may be right by the secret that the host cannot open now, so that its sender shall try again.
            Some(trouble) if rejected == Rejected::Wrong => trouble.into(),
            _ => rejected.into(),
        })
    }

    /// Makes a request durable and wakes its run, unless others came too fast before it. A repeat, and a request that
    /// nobody takes, is told so all the same.
    pub(crate) async fn accept(&self, accept: Accept) -> Result<Delivered, Refusal> {
        let (run, webhook, id) = (accept.run, accept.webhook, accept.id.clone());
        let now = self.clock().now();
        let accepted = match self.core().rates.admit(run, webhook, now) {
            Ok(()) => self.accept_and_wake(accept).await?,
            Err(exceeded) => self
                .read()?
                .answer_at_any_rate(&accept)?
                .ok_or(Refusal::Rate(exceeded))?,
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
        let core = self.core().clone();
        let (run, webhook) = (accept.run, accept.webhook);
        let (id, request) = (accept.id.clone(), accept.request.clone());
        let foretold = move |accepted: &Accepted| -> Option<Following> {
            let Accepted::Queued {
                is_due: true,
                place,
                is_first,
                time,
            } = *accepted
            else {
                return None;
            };
            let arrived = Arrived {
                webhook,
                place,
                is_first,
                delivery: Delivery {
                    id,
                    accepted: time,
                    request,
                },
            };
            let hint = Hint::Arrived(Box::new(arrived));
            Some(Box::new(move |hold| core.wake_early(run, hint, hold)))
        };
        self.store().accept(accept, foretold).await
    }
}

/// A request that was accepted, now or when it came for the first time.
pub(crate) struct Delivered {
    pub(crate) run: RunId,
    pub(crate) webhook: WebhookNumber,
    pub(crate) id: String,
    /// Where it lay in the inbox.
    pub(crate) place: u64,
    pub(crate) is_repeat: bool,
}

impl Delivered {
    /// What a caller is answered for whom there is nothing better.
    pub(crate) fn acknowledged(self) -> Received {
        let id = self.id;
        if self.is_repeat {
            Received::Duplicate { id }
        } else {
            Received::Accepted { id }
        }
    }
}

fn stored_key(key: &dormouse_webhook::DeliveryKey, request: &Request) -> DeliveryKey {
    DeliveryKey {
        digest: key.digest(),
        body: Sha256::digest(&request.body).into(),
        other_body: match key.other_body() {
            dormouse_webhook::OtherBody::Refuse => OtherBody::Refuse,
            dormouse_webhook::OtherBody::Queue => OtherBody::Queue,
            dormouse_webhook::OtherBody::Same => OtherBody::Same,
        },
    }
}

impl Core {
    /// A new id, above those before.
    pub(crate) fn new_id(&self) -> RunId {
        self.ids.next(self.clock.now(), &*self.entropy)
    }
}
