//! What the store has decided and not made durable yet.
//!
//! A request or a start is known to the run's owner before its sync, so that the activation that follows from it can
//! become durable by the same one. What is known early may never become durable, if the sync fails: then the commit of
//! the activation is refused as well, since the store applies writes in order. The store's reads do not show it yet.

use dormouse_journal::{Channel, Delivery, Frontier, Head, Outcome, Payload, RunId, WebhookNumber};
use dormouse_store::{ReadError, RunView, StoreReader};

/// A request that was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EarlyRequest {
    pub(crate) webhook: WebhookNumber,
    pub(crate) place: u64,
    /// True if nothing lies before it.
    pub(crate) is_first: bool,
    pub(crate) delivery: Delivery,
}

impl EarlyRequest {
    fn head(&self) -> Head {
        Head {
            place: self.place,
            accepted: self.delivery.accepted,
        }
    }
}

/// A run that was started.
#[derive(Debug, Clone)]
pub(crate) struct EarlyStart {
    pub(crate) view: RunView,
    pub(crate) input: Payload,
}

/// What the owner of a run knows before it is durable.
#[derive(Default)]
pub(crate) struct Early {
    pub(crate) start: Option<Box<EarlyStart>>,
    /// In the order of their acceptance.
    requests: Vec<EarlyRequest>,
}

impl Early {
    /// Adds a request, which was accepted after all that are here.
    pub(crate) fn add(&mut self, request: EarlyRequest) {
        self.requests.push(request);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start.is_none() && self.requests.is_empty()
    }

    /// Returns the request that was accepted first of those in a channel.
    fn first(&self, channel: &Channel) -> Option<&EarlyRequest> {
        let Channel::Webhook(webhook) = channel else {
            return None;
        };
        self.requests
            .iter()
            .find(|request| request.webhook == *webhook)
    }

    /// Tells the frontier what lies first in a channel, given what the store says of it.
    pub(crate) fn found(&self, frontier: &mut Frontier, channel: Channel, durable: Option<Head>) {
        let early = self.first(&channel).map(EarlyRequest::head);
        let head = durable.into_iter().chain(early);
        let head = head.min_by_key(|head| head.place);
        frontier.found(channel, head);
    }

    /// Looks up every channel that the frontier wants to know about.
    pub(crate) async fn check(
        &self,
        store: &dyn StoreReader,
        run: RunId,
        frontier: &mut Frontier,
    ) -> Result<(), ReadError> {
        loop {
            let channels: Vec<Channel> = frontier.unchecked().cloned().collect();
            if channels.is_empty() {
                return Ok(());
            }
            // Mostly, what is known early is all there is, and the store need not be asked.
            let is_known =
                |channel: &Channel| self.first(channel).is_some_and(|first| first.is_first);
            let unknown: Vec<Channel> = channels
                .iter()
                .filter(|channel| !is_known(channel))
                .cloned()
                .collect();
            let mut durable = Vec::new().into_iter().peekable();
            if !unknown.is_empty() {
                durable = store.heads(run, unknown).await?.into_iter().peekable();
            }
            for channel in channels {
                // The store answers in the order in which it was asked.
                let head = durable.next_if(|(answered, _)| *answered == channel);
                self.found(frontier, channel, head.map(|(_, head)| head));
            }
        }
    }

    /// Takes what lies in a channel at this place, as the outcome of the operation that takes it.
    pub(crate) async fn take(
        &mut self,
        store: &dyn StoreReader,
        run: RunId,
        channel: &Channel,
        place: u64,
    ) -> Result<Option<Outcome>, ReadError> {
        if let Channel::Webhook(webhook) = channel {
            let found = self
                .requests
                .iter()
                .position(|request| request.webhook == *webhook && request.place == place);
            if let Some(index) = found {
                let delivery = self.requests.remove(index).delivery;
                return Ok(Some(Outcome::Delivery(Some(delivery))));
            }
        }
        store.arrival(run, channel.clone(), place).await
    }
}
