//! Accepting a webhook request: the moment from which it is never lost.

use dormouse_journal::{Delivery, Request, RunId, WebhookNumber};
use sha2::{Digest, Sha256};

use crate::tables::duplicates::{self, Duplicate};
use crate::tables::expiries::Expiring;
use crate::tables::{inbox, webhooks};
use crate::transactions::edit::Edit;
use crate::writer::{Transaction, Write};
use crate::{ReadError, Store, WriteError};

/// A request to be accepted.
#[derive(Debug, Clone)]
pub struct Accept {
    /// Whose webhook it is.
    pub run: RunId,
    /// Which webhook.
    pub webhook: WebhookNumber,
    /// The id that it will have.
    pub id: String,
    /// The request.
    pub request: Request,
    /// By which a repeat of it is known.
    pub key: Option<DeliveryKey>,
    /// For how many milliseconds it is.
    pub remember: u64,
    /// How many requests may lie in the inbox.
    pub max_queued: u32,
    /// How many bytes.
    pub max_queued_bytes: u64,
}

/// A caller's own name for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryKey {
    /// Where it came from.
    pub kind: DeliveryKeyKind,
    /// The name.
    pub value: String,
}

/// Where a delivery key came from, and so what the same key with another body means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryKeyKind {
    /// `Idempotency-Key`: a mistake of the caller.
    IdempotencyKey,
    /// `webhook-id`: another request.
    WebhookId,
}

impl DeliveryKey {
    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(match self.kind {
            DeliveryKeyKind::IdempotencyKey => b"i",
            DeliveryKeyKind::WebhookId => b"w",
        });
        digest.update(self.value.as_bytes());
        digest.finalize().into()
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is queued.
    Queued {
        /// Whether the run has something to do now.
        wake: bool,
    },
    /// It repeats a request that was accepted with this id.
    Duplicate(String),
    /// Its key was used for another body.
    OtherBody,
    /// The webhook was closed.
    Closed,
    /// The run has ended, or was removed after it had.
    Ended,
    /// The inbox is full.
    InboxFull,
    /// The run never created such a webhook.
    UnknownWebhook,
}

impl Transaction for Accept {
    type Output = Accepted;

    fn apply(&self, write: &mut Write<'_>) -> Result<Accepted, ReadError> {
        let (run, number) = (self.run.0, self.webhook.0);
        let tables = &mut write.tables;
        let key = self.key.as_ref().map(|key| (key.kind, key.digest()));
        let body: [u8; 32] = Sha256::digest(&self.request.body).into();
        let mut remember = key.map(|(_, digest)| digest);
        if let Some((kind, digest)) = key
            && let Some(first) = duplicates::TABLE.get(&tables.duplicates, (run, number, digest))?
        {
            if first.body == body {
                return Ok(Accepted::Duplicate(first.id));
            }
            match kind {
                DeliveryKeyKind::IdempotencyKey => return Ok(Accepted::OtherBody),
                DeliveryKeyKind::WebhookId => remember = None,
            }
        }
        // A run that is not there was removed by retention: its token proves that it was.
        let Some(mut edit) = Edit::load(tables, self.run)? else {
            return Ok(Accepted::Ended);
        };
        if edit.state.status.has_ended() {
            return Ok(Accepted::Ended);
        }
        let Some(mut webhook) = webhooks::TABLE.get(&tables.webhooks, (run, number))? else {
            return Ok(Accepted::UnknownWebhook);
        };
        if webhook.closed {
            return Ok(Accepted::Closed);
        }
        let size = request_size(&self.request);
        if webhook.queued >= self.max_queued
            || webhook.queued_bytes.saturating_add(size) > self.max_queued_bytes
        {
            return Ok(Accepted::InboxFull);
        }

        let was_ready = webhook.is_ready();
        let place = webhook.next_place;
        webhook.next_place += 1;
        webhook.queued += 1;
        webhook.queued_bytes += size;
        webhook.last_accepted = Some(write.now);
        let delivery = Delivery {
            id: self.id.clone(),
            accepted: write.now,
            request: self.request.clone(),
        };
        inbox::TABLE.put(&mut tables.inbox, (run, number, place), &delivery)?;
        if let Some(key) = remember {
            let first = Duplicate {
                id: self.id.clone(),
                body,
            };
            duplicates::TABLE.put(&mut tables.duplicates, (run, number, key), &first)?;
            let expiring = Expiring::Duplicate {
                run: self.run,
                webhook: number,
                key,
            };
            tables.expiries.insert(
                (
                    write.now.after(self.remember).0,
                    expiring.to_key().as_slice(),
                ),
                (),
            )?;
        }
        edit.put_webhook(tables, number, was_ready, &webhook)?;
        let wake = edit.state.is_due();
        edit.save(tables)?;
        Ok(Accepted::Queued { wake })
    }
}

/// What a request counts for in an inbox: all of it that is stored.
pub(crate) fn request_size(request: &Request) -> u64 {
    let headers: usize = request
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    (request.body.len() + headers + request.url.len()) as u64
}

impl Store {
    /// Accepts a request. When this gives `Queued`, the request is durable.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn accept(&self, accept: Accept) -> Result<Accepted, WriteError> {
        self.write(accept).await
    }
}
