//! Accepting a webhook request: the moment from which it is never lost.

use dormouse_journal::{OtherBody, Reply as ReplyOption, Request, RunId, Time, WebhookNumber};

use super::run::RunWrite;
use super::{Transaction, Write};
use crate::ReadError;
use crate::tables::duplicates::{self, Duplicate};
use crate::tables::expiries::Expiring;
use crate::tables::inbox::{self, Arrival, request_size};
use crate::tables::{Reply, Webhook, replies};

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
    /// The key by which a repeat of it is known.
    pub key: Option<RememberedKey>,
    /// How long the key is remembered, in milliseconds.
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
pub struct RememberedKey {
    /// Of the name, and of where it came from.
    pub digest: [u8; 32],
    /// Of the request's body. The transaction that compares it must not be held up by making it.
    pub body: [u8; 32],
    /// What the same name with another body means.
    pub other_body: OtherBody,
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

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Accepted, ReadError> {
        let mut remember = self.key;
        if let Some(key) = self.key
            && let Some(first) =
                duplicates::TABLE.get(&*write.rows, (self.run, self.webhook, key.digest))?
        {
            match key.repeats(first) {
                Some(repeat) => return Ok(repeat),
                None => remember = None,
            }
        }
        // A run that is not there was removed by retention: its token proves that it was.
        let Some(mut run) = write.run(self.run)? else {
            return Ok(Accepted::Refused(RequestRefused::Ended));
        };
        if run.state().status.has_ended() {
            return Ok(Accepted::Refused(RequestRefused::Ended));
        }
        let Some(webhook) = run.webhook(self.webhook)? else {
            return Ok(Accepted::Refused(RequestRefused::UnknownWebhook));
        };
        if webhook.closed {
            return Ok(Accepted::Refused(RequestRefused::Closed));
        }
        let size = request_size(&self.request) as u64;
        if let Some(refused) = self.refuse_size(&run, &webhook, size) {
            return Ok(Accepted::Refused(refused));
        }
        self.queue(&mut run, webhook, size, remember)
    }
}

impl Accept {
    fn refuse_size(
        &self,
        run: &RunWrite<'_>,
        webhook: &Webhook,
        size: u64,
    ) -> Option<RequestRefused> {
        if webhook.queued >= self.limits.requests
            || webhook.queued_bytes.saturating_add(size) > self.limits.bytes
        {
            Some(RequestRefused::InboxFull)
        } else if run.host_inbox_bytes().saturating_add(size) > self.limits.host_bytes {
            Some(RequestRefused::HostFull)
        } else {
            None
        }
    }

    fn queue(
        &self,
        run: &mut RunWrite<'_>,
        webhook: Webhook,
        size: u64,
        remember: Option<RememberedKey>,
    ) -> Result<Accepted, ReadError> {
        let (place, time) = (webhook.next_place, run.now);
        let is_first = webhook.queued == 0;
        let arrival = Arrival {
            id: self.id.clone(),
            accepted: time,
        };
        let key = (self.run, self.webhook, place);
        inbox::put(run.rows, key, arrival, self.request.clone())?;
        if let Some(key) = remember {
            let first = Duplicate {
                id: self.id.clone(),
                body: key.body,
                place,
            };
            self.remember(run, key.digest, &first)?;
            if matches!(webhook.options.reply, ReplyOption::FromWorkflow(_)) {
                let undecided = Reply { response: None };
                replies::TABLE.put(run.rows, (self.run, self.id.as_str()), &undecided)?;
            }
        }
        run.put_changed_webhook(self.webhook, webhook, |webhook| {
            webhook.next_place += 1;
            webhook.queued += 1;
            webhook.queued_bytes += size;
            webhook.last_accepted = Some(time);
        })?;
        Ok(Accepted::Queued {
            is_due: run.state().is_due(),
            place,
            is_first,
            time,
        })
    }

    /// Remembers the request for as long as a repeat of it is known.
    fn remember(
        &self,
        run: &mut RunWrite<'_>,
        key: [u8; 32],
        first: &Duplicate,
    ) -> Result<(), ReadError> {
        duplicates::TABLE.put(run.rows, (self.run, self.webhook, key), first)?;
        let expiring = Expiring::Duplicate {
            run: self.run,
            webhook: self.webhook,
            key,
        };
        expiring.add(run.rows, run.now.after(self.remember))
    }
}

impl RememberedKey {
    /// Returns what it means that this key was used before. None if it means nothing.
    pub(crate) fn repeats(self, first: Duplicate) -> Option<Accepted> {
        let same = Accepted::Duplicate {
            id: first.id,
            place: first.place,
        };
        if first.body == self.body {
            return Some(same);
        }
        match self.other_body {
            OtherBody::Same => Some(same),
            OtherBody::Refuse => Some(Accepted::Refused(RequestRefused::OtherBody)),
            OtherBody::Queue => None,
        }
    }
}
