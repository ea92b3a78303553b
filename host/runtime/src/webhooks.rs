//! Webhooks: from a genuine token to a durable request.

use dormouse_journal::{Channel, Request, RunId};
use dormouse_store::{Accept, Accepted, DeliveryKey, Webhook};
use dormouse_webhook::Token;

use crate::slots::Hint;
use crate::{Runtime, Unavailable};

/// A request that passed every check that needs no store.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// What the token names.
    pub token: Token,
    /// The request as the run is to see it.
    pub request: Request,
    /// By which a repeat of it is known.
    pub key: Option<DeliveryKey>,
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
    /// Its key was used for another body.
    OtherBody,
    /// The webhook was closed, or its run has ended.
    Gone,
    /// The inbox is full.
    InboxFull,
    /// There is no such webhook.
    Unknown,
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

    /// Accepts a request. When this gives `Accepted`, the request is durable, and the run is being woken.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn receive(&self, incoming: Incoming) -> Result<Received, Unavailable> {
        let Token { run, webhook } = incoming.token;
        let id = self.core().new_id().to_string();
        let limits = &self.settings().limits;
        let accept = Accept {
            run,
            webhook,
            id: id.clone(),
            request: incoming.request,
            key: incoming.key,
            remember: self.settings().duplicate_window,
            max_queued: limits.inbox,
            max_queued_bytes: limits.inbox_bytes,
        };
        Ok(match self.store().accept(accept).await? {
            Accepted::Queued { wake } => {
                if wake {
                    self.core()
                        .wake(run, Hint::Channel(Channel::Webhook(webhook)));
                }
                Received::Accepted { id }
            }
            Accepted::Duplicate(id) => Received::Duplicate { id },
            Accepted::OtherBody => Received::OtherBody,
            Accepted::Closed | Accepted::Ended => Received::Gone,
            Accepted::InboxFull => Received::InboxFull,
            Accepted::UnknownWebhook => Received::Unknown,
        })
    }
}

impl crate::runtime::Core {
    /// A new id, ordered by time.
    pub(crate) fn new_id(&self) -> RunId {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        RunId::new(self.clock.now(), random)
    }
}
