//! What the store has decided and not made durable yet.
//!
//! A request or a start is known to the run's owner before its sync, so that the activation that follows from it can
//! become durable by the same one. What is foretold here may never come true, if the sync fails: then the commit of the
//! activation is refused as well, since the store applies writes in order. Snapshots do not show it yet.

use dormouse_journal::{Channel, Delivery, Head, Outcome, Payload, RunId, WebhookNumber};
use dormouse_store::{ReadError, RunView, Snapshot, Store};

/// A request that was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) webhook: WebhookNumber,
    pub(crate) place: u64,
    /// Whether nothing lies before it.
    pub(crate) is_first: bool,
    pub(crate) delivery: Delivery,
}

/// A run that was started.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    pub(crate) view: RunView,
    pub(crate) input: Payload,
}

/// What was foretold to the owner of a run.
#[derive(Default)]
pub(crate) struct Foretold {
    pub(crate) fresh: Option<Box<Fresh>>,
    /// In the order of their acceptance.
    arrived: Vec<Arrived>,
}

impl Foretold {
    /// Adds a request, which was accepted after all that are here.
    pub(crate) fn arrived(&mut self, arrived: Arrived) {
        self.arrived.push(arrived);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_none() && self.arrived.is_empty()
    }

    fn first(&self, webhook: WebhookNumber) -> Option<&Arrived> {
        self.arrived
            .iter()
            .find(|arrived| arrived.webhook == webhook)
    }
}

/// What lies in the channels of a run: what is durable, and what was foretold.
pub(crate) struct Arrivals<'a> {
    store: &'a Store,
    run: RunId,
    foretold: &'a mut Foretold,
    /// Taken when it is needed: mostly, what was foretold is all there is.
    snapshot: Option<Snapshot>,
}

impl<'a> Arrivals<'a> {
    pub(crate) fn new(store: &'a Store, run: RunId, foretold: &'a mut Foretold) -> Self {
        Arrivals {
            store,
            run,
            foretold,
            snapshot: None,
        }
    }

    /// What lies first in a channel.
    pub(crate) fn head(&mut self, channel: &Channel) -> Result<Option<Head>, ReadError> {
        let foretold = match channel {
            Channel::Webhook(webhook) => self.foretold.first(*webhook),
            Channel::Event(_) | Channel::Result(_) => None,
        };
        let foretold = foretold.map(|arrived| (head(arrived), arrived.is_first));
        if let Some((head, true)) = foretold {
            return Ok(Some(head));
        }
        let run = self.run;
        let durable = self.snapshot()?.head(run, channel, 0)?;
        let foretold = foretold.map(|(head, _)| head);
        Ok(durable
            .into_iter()
            .chain(foretold)
            .min_by_key(|head| head.place))
    }

    /// What lies in a channel at this place, as the outcome of the operation that takes it.
    pub(crate) fn take(
        &mut self,
        channel: &Channel,
        place: u64,
    ) -> Result<Option<Outcome>, ReadError> {
        if let Channel::Webhook(webhook) = channel {
            let arrived = &mut self.foretold.arrived;
            let found = arrived
                .iter()
                .position(|arrived| arrived.webhook == *webhook && arrived.place == place);
            if let Some(index) = found {
                let delivery = arrived.remove(index).delivery;
                return Ok(Some(Outcome::Delivery(Some(delivery))));
            }
        }
        let run = self.run;
        self.snapshot()?.arrival(run, channel, place)
    }

    fn snapshot(&mut self) -> Result<&Snapshot, ReadError> {
        let snapshot = match self.snapshot.take() {
            Some(snapshot) => snapshot,
            None => self.store.read()?,
        };
        Ok(self.snapshot.insert(snapshot))
    }
}

fn head(arrived: &Arrived) -> Head {
    Head {
        place: arrived.place,
        accepted: arrived.delivery.accepted,
    }
}
