//! What the store has decided, but has not made durable yet.
//!
//! The owner of a run learns of a request or a start before its disk sync, so that the activation that follows from it can
//! become durable by the same sync. The store's reads do not show such a request yet. If the sync fails, the request never
//! becomes durable; then the commit of the activation is refused too, because the store applies writes in order.

use dormouse_journal::{Channel, Delivery, Frontier, Head, Outcome, Payload, RunId, WebhookNumber};
use dormouse_store::{ReadError, RunView, StoreReader};

/// A request that is in an inbox, and may not be durable yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EarlyRequest {
    pub(crate) webhook: WebhookNumber,
    pub(crate) place: u64,
    /// True if no other request is before it in the inbox.
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

/// A run that was started, and may not be durable yet.
#[derive(Debug, Clone)]
pub(crate) struct EarlyStart {
    pub(crate) view: RunView,
    pub(crate) input: Payload,
}

/// What the owner of a run knows, although it may not be durable yet.
#[derive(Default)]
pub(crate) struct Early {
    pub(crate) start: Option<Box<EarlyStart>>,
    /// The requests, in the order of their acceptance.
    requests: Vec<EarlyRequest>,
}

impl Early {
    /// Adds a request, which was accepted after all others here.
    pub(crate) fn add(&mut self, request: EarlyRequest) {
        self.requests.push(request);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start.is_none() && self.requests.is_empty()
    }

    /// Returns the request in a channel that was accepted first.
    fn first(&self, channel: &Channel) -> Option<&EarlyRequest> {
        let Channel::Webhook(webhook) = channel else {
            return None;
        };
        self.requests
            .iter()
            .find(|request| request.webhook == *webhook)
    }

    /// Tells the frontier what is first in a channel, given what the store has there.
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

    /// Takes the request at this place in a channel, as the outcome of the operation that takes it.
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
