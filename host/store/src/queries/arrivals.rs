//! What has arrived for a run, and what its journal says.

use std::ops::Bound;

use dormouse_journal::{Activation, Channel, Head, Outcome, RunId, WebhookNumber};

use crate::tables::{Reply, RunKey, inbox, journal, mail, meta, replies, results};
use crate::{ReadError, Snapshot};

impl Snapshot {
    /// What lies first in a channel of a run, at this place or behind it.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn head(
        &self,
        run: RunId,
        channel: &Channel,
        from: u64,
    ) -> Result<Option<Head>, ReadError> {
        match channel {
            Channel::Webhook(webhook) => {
                let table = self.table(inbox::TABLE.definition())?;
                let mut range =
                    table.range((run.0, webhook.0, from)..=(run.0, webhook.0, u64::MAX))?;
                let Some(item) = range.next() else {
                    return Ok(None);
                };
                let (key, value) = item?;
                let accepted = inbox::TABLE.decode(value.value())?.accepted;
                Ok(Some(Head {
                    place: key.value().2,
                    accepted,
                }))
            }
            Channel::Event(event) => {
                let table = self.table(mail::TABLE.definition())?;
                let range = (run.0, event.as_str(), from)..=(run.0, event.as_str(), u64::MAX);
                let mut range = table.range(range)?;
                let Some(item) = range.next() else {
                    return Ok(None);
                };
                let (key, value) = item?;
                let accepted = mail::TABLE.decode(value.value())?.accepted;
                Ok(Some(Head {
                    place: key.value().2,
                    accepted,
                }))
            }
            Channel::Result(operation) => {
                let table = self.table(results::TABLE.definition())?;
                let arrived = results::TABLE.get(&table, (run.0, operation.0))?;
                Ok(arrived.map(|arrived| Head {
                    place: 0,
                    accepted: arrived.accepted,
                }))
            }
        }
    }

    /// What lies in a channel of a run at this place, as the outcome of the operation that takes it.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn arrival(
        &self,
        run: RunId,
        channel: &Channel,
        place: u64,
    ) -> Result<Option<Outcome>, ReadError> {
        match channel {
            Channel::Webhook(webhook) => {
                let table = self.table(inbox::TABLE.definition())?;
                let delivery = inbox::TABLE.get(&table, (run.0, webhook.0, place))?;
                Ok(delivery.map(|delivery| Outcome::Delivery(Some(delivery))))
            }
            Channel::Event(event) => {
                let table = self.table(mail::TABLE.definition())?;
                let mail = mail::TABLE.get(&table, (run.0, event.as_str(), place))?;
                Ok(mail.map(|mail| Outcome::Event(Some(mail.payload))))
            }
            Channel::Result(operation) => {
                let table = self.table(results::TABLE.definition())?;
                Ok(results::TABLE
                    .get(&table, (run.0, operation.0))?
                    .map(|arrived| arrived.outcome))
            }
        }
    }

    /// Whether a request still lies where it was put.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn is_queued(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        place: u64,
    ) -> Result<bool, ReadError> {
        let table = self.table(inbox::TABLE.definition())?;
        Ok(table.get((run.0, webhook.0, place))?.is_some())
    }

    /// The size of all requests in all inboxes.
    ///
    /// # Errors
    /// When the disk fails, or what is kept about it is damaged.
    pub fn inbox_bytes(&self) -> Result<u64, ReadError> {
        meta::number(&self.table(meta::TABLE)?, meta::INBOX_BYTES)
    }

    /// What the caller of a delivery is answered, if it can ask again.
    ///
    /// # Errors
    /// When the disk fails, or the row is damaged.
    pub fn reply(&self, run: RunId, delivery: &str) -> Result<Option<Reply>, ReadError> {
        replies::TABLE.get(&self.table(replies::TABLE.definition())?, (run.0, delivery))
    }

    /// A run's journal from this activation on, read as it is asked for: it may be larger than memory.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn journal(
        &self,
        run: RunId,
        from: u32,
    ) -> Result<impl Iterator<Item = Result<Activation, ReadError>> + use<>, ReadError> {
        let table = self.table(journal::TABLE.definition())?;
        let start = Bound::Included((run.0, journal::GENERATION, from));
        let end = Bound::Included((run.0, journal::GENERATION, u32::MAX));
        let range = table.range::<(RunKey, u32, u32)>((start, end))?;
        Ok(range.map(|item| journal::TABLE.decode(item?.1.value())))
    }
}
