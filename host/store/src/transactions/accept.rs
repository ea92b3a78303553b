//! Accepting a webhook request: the moment from which it is never lost.

use dormouse_journal::{self as journal, Delivery, Request, RunId, Time, WebhookNumber};

use crate::group::{Transaction, Write};
use crate::tables::duplicates::{self, Duplicate};
use crate::tables::expiries::Expiring;
use crate::tables::{Reply, Tables, inbox, replies};
use crate::{Following, ReadError, Snapshot, Store, WriteError};

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
    /// How much may lie in inboxes.
    pub limits: InboxLimits,
}

/// How much may lie in inboxes.
#[derive(Debug, Clone, Copy)]
pub struct InboxLimits {
    /// Requests in one.
    pub requests: u32,
    /// Bytes in one.
    pub bytes: u64,
    /// Bytes in all of them together.
    pub host_bytes: u64,
}

/// A caller's own name for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryKey {
    /// Of the name, and of where it came from.
    pub digest: [u8; 32],
    /// Of the request's body. The transaction that compares it must not be held up by making it.
    pub body: [u8; 32],
    /// What the same name with another body means.
    pub other_body: OtherBody,
}

/// What a name that was used before means when it comes with another body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherBody {
    /// The caller made a mistake.
    Refuse,
    /// It is another request.
    Queue,
    /// It is the same request, written differently.
    Same,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is queued.
    Queued {
        /// Whether the run has something to do now.
        is_due: bool,
        /// Where it lies in the inbox.
        place: u64,
        /// Whether nothing lies before it.
        is_first: bool,
        /// When it was accepted.
        time: Time,
    },
    /// It repeats a request.
    Duplicate {
        /// The id of the first one.
        id: String,
        /// Where the first one lay in the inbox.
        place: u64,
    },
    /// Nothing was written.
    Refused(RequestRefused),
}

/// Why a request was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestRefused {
    /// Its key was used for another body.
    OtherBody,
    /// The webhook was closed.
    Closed,
    /// The run has ended, or was removed after it had.
    Ended,
    /// The inbox is full.
    InboxFull,
    /// All inboxes together hold what the host allows.
    HostFull,
    /// The run never created such a webhook.
    UnknownWebhook,
}

impl Transaction for Accept {
    type Output = Accepted;

    fn apply(&self, write: &mut Write<'_>) -> Result<Accepted, ReadError> {
        let (run, number) = (self.run.0, self.webhook.0);
        let tables = &mut write.tables;
        let mut remember = self.key;
        if let Some(key) = self.key
            && let Some(first) =
                duplicates::TABLE.get(&tables.duplicates, (run, number, key.digest))?
        {
            match repeat(first, key) {
                Some(repeat) => return Ok(repeat),
                None => remember = None,
            }
        }
        // A run that is not there was removed by retention: its token proves that it was.
        let Some(edit) = write.edits.load(tables, self.run)? else {
            return Ok(Accepted::Refused(RequestRefused::Ended));
        };
        if edit.state.status.has_ended() {
            return Ok(Accepted::Refused(RequestRefused::Ended));
        }
        let Some(mut webhook) = edit.webhook(tables, number)? else {
            return Ok(Accepted::Refused(RequestRefused::UnknownWebhook));
        };
        if webhook.closed {
            return Ok(Accepted::Refused(RequestRefused::Closed));
        }
        let size = request_size(&self.request);
        if webhook.queued >= self.limits.requests
            || webhook.queued_bytes.saturating_add(size) > self.limits.bytes
        {
            return Ok(Accepted::Refused(RequestRefused::InboxFull));
        }
        if write.inbox_bytes.saturating_add(size) > self.limits.host_bytes {
            return Ok(Accepted::Refused(RequestRefused::HostFull));
        }
        write.inbox_bytes += size;

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
                body: key.body,
                place,
            };
            self.remember(tables, key.digest, &first, write.now)?;
            if matches!(webhook.options.reply, journal::Reply::FromWorkflow(_)) {
                let undecided = Reply { response: None };
                replies::TABLE.put(&mut tables.replies, (run, self.id.as_str()), &undecided)?;
            }
        }
        let is_first = webhook.queued == 1;
        edit.put_webhook(tables, number, was_ready, webhook)?;
        Ok(Accepted::Queued {
            is_due: edit.state.is_due(),
            place,
            is_first,
            time: write.now,
        })
    }
}

impl Accept {
    /// Remembers the request for as long as a repeat of it is known.
    fn remember(
        &self,
        tables: &mut Tables<'_>,
        key: [u8; 32],
        first: &Duplicate,
        now: Time,
    ) -> Result<(), ReadError> {
        let number = self.webhook.0;
        duplicates::TABLE.put(&mut tables.duplicates, (self.run.0, number, key), first)?;
        let expiring = Expiring::Duplicate {
            run: self.run,
            webhook: number,
            key,
        };
        let expires = now.after(self.remember).0;
        tables
            .expiries
            .insert((expires, expiring.to_key().as_slice()), ())?;
        Ok(())
    }
}

/// What it means that a key was used before. None if it means nothing.
fn repeat(first: Duplicate, key: DeliveryKey) -> Option<Accepted> {
    let same = Accepted::Duplicate {
        id: first.id,
        place: first.place,
    };
    if first.body == key.body {
        return Some(same);
    }
    match key.other_body {
        OtherBody::Same => Some(same),
        OtherBody::Refuse => Some(Accepted::Refused(RequestRefused::OtherBody)),
        OtherBody::Queue => None,
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

impl Snapshot {
    /// What a request would be answered whatever the limits are: that it repeats another, or that nobody takes it. None
    /// if it could be queued. Writes nothing, so that a flood costs no syncs.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn answer_at_any_rate(&self, accept: &Accept) -> Result<Option<Accepted>, ReadError> {
        if let Some(key) = accept.key {
            let table = self.table(duplicates::TABLE.definition())?;
            let first =
                duplicates::TABLE.get(&table, (accept.run.0, accept.webhook.0, key.digest))?;
            let repeat = first.and_then(|first| repeat(first, key));
            if repeat.is_some() {
                return Ok(repeat);
            }
        }
        if self
            .state(accept.run)?
            .is_none_or(|state| state.status.has_ended())
        {
            return Ok(Some(Accepted::Refused(RequestRefused::Ended)));
        }
        let webhook = self.webhook(accept.run, accept.webhook)?;
        Ok(match webhook {
            None => Some(Accepted::Refused(RequestRefused::UnknownWebhook)),
            Some(webhook) if webhook.closed => Some(Accepted::Refused(RequestRefused::Closed)),
            Some(_) => None,
        })
    }
}

impl Store {
    /// Accepts a request, which is in the queue when this returns. When it gives `Queued`, the request is durable.
    ///
    /// `foretold` is asked as soon as it is known what comes of it, which is before it is durable, if it ever is, and
    /// gives what is to be done then. Nothing that follows may be released yet. What is written while the hold is kept
    /// may become durable by the same sync, and never before; there is no hold where many come together.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub fn accept<F: FnOnce(&Accepted) -> Option<Following> + Send + 'static>(
        &self,
        accept: Accept,
        foretold: F,
    ) -> impl Future<Output = Result<Accepted, WriteError>> + Send + use<F> {
        self.foretell(accept, Box::new(foretold))
    }
}
