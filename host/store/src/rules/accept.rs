//! Accepting a webhook request: the moment from which it is never lost.

use dormouse_journal::{
    OtherBody, Reply as ReplyOption, Request, RunId, Time, TriggerId, WebhookNumber,
};

use super::run::RunWrite;
use super::storage::StorageLimits;
use super::{RUN, SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::{Extent, Rows};
use crate::tables::apart::Apart;
use crate::tables::duplicates::{self, Duplicate};
use crate::tables::expiries::Expiring;
use crate::tables::inbox::{self, Arrival, request_size};
use crate::tables::trigger_requests::{self, TriggerRequested};
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
    /// What the run and its workflow may own.
    pub storage: StorageLimits,
}

/// A caller's own name for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RememberedKey {
    /// Of the name, and of where it came from.
    pub digest: [u8; 32],
    /// The same as an earlier version of the host may have remembered it. Nothing is remembered under it any more.
    pub earlier: Option<[u8; 32]>,
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
    /// The run has failed, and may be retried.
    RunFailed,
    /// The inbox is full.
    InboxFull,
    /// All inboxes together hold what the host allows.
    HostFull,
    /// The run owns as much on the disk as it may.
    RunFull,
    /// All runs of its workflow together own as much on the disk as they may.
    WorkflowFull,
    /// The run never created such a webhook.
    UnknownWebhook,
}

/// A request on its way into the store.
pub(crate) struct AcceptRequest {
    /// What is asked, without the request.
    accept: Accept,
    /// How many bytes of the request count.
    size: u64,
    request: Apart<Request>,
}

impl AcceptRequest {
    pub(crate) fn new(mut accept: Accept) -> Self {
        let empty = Request {
            method: String::new(),
            url: String::new(),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
        };
        let request = std::mem::replace(&mut accept.request, empty);
        let size = request_size(&request);
        AcceptRequest {
            accept,
            size: size as u64,
            request: Apart::new(size, request),
        }
    }

    /// Returns about how many bytes the run will own more.
    fn grows(&self) -> u64 {
        self.request.bytes() + 4 * SMALL_ROW
    }
}

impl Transaction for AcceptRequest {
    type Output = Accepted;

    fn run(&self) -> Option<RunId> {
        Some(self.accept.run)
    }

    /// The request in two rows, its key and when it is forgotten, the reply that is undecided, the webhook.
    fn cost(&self) -> Extent {
        RUN.and(Extent::new(6, self.request.bytes() + 5 * SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Accepted, ReadError> {
        let accept = &self.accept;
        let mut remember = accept.key;
        if let Some(key) = accept.key
            && let Some(first) = key.first(&write.rows, accept.run, accept.webhook)?
        {
            match key.answer(first) {
                Some(repeat) => return Ok(repeat),
                None => remember = None,
            }
        }
        // A run that is not there was removed by retention: its token proves that it was.
        let Some(run) = write.run(accept.run)? else {
            return Ok(Accepted::Refused(RequestRefused::Ended));
        };
        if run.state().is_gone() {
            return Ok(Accepted::Refused(RequestRefused::Ended));
        }
        let webhook = run.webhook(accept.webhook)?;
        if webhook.as_ref().is_some_and(|webhook| webhook.closed) {
            return Ok(Accepted::Refused(RequestRefused::Closed));
        }
        // One that it has not created may be made by its retry.
        if run.state().is_frozen() {
            return Ok(Accepted::Refused(RequestRefused::RunFailed));
        }
        let Some(webhook) = webhook else {
            // The token proves that it was there, and a generation that was over has not kept it.
            return Ok(Accepted::Refused(match run.state().generation {
                0 => RequestRefused::UnknownWebhook,
                _ => RequestRefused::Closed,
            }));
        };
        if let Some(refused) = self.refuse_size(&run, &webhook) {
            return Ok(Accepted::Refused(refused));
        }
        let workflow = run.state().workflow.clone();
        let storage = accept.limits.storage;
        if storage.refuse_workflow(write, &workflow, self.grows())? {
            return Ok(Accepted::Refused(RequestRefused::WorkflowFull));
        }
        match write.run(accept.run)? {
            Some(mut run) => self.queue(&mut run, webhook, remember),
            None => Ok(Accepted::Refused(RequestRefused::Ended)),
        }
    }
}

impl AcceptRequest {
    fn refuse_size(&self, run: &RunWrite<'_>, webhook: &Webhook) -> Option<RequestRefused> {
        let limits = &self.accept.limits;
        if webhook.queued >= limits.requests
            || webhook.queued_bytes.saturating_add(self.size) > limits.bytes
        {
            Some(RequestRefused::InboxFull)
        } else if run.host_inbox_bytes().saturating_add(self.size) > limits.host_bytes {
            Some(RequestRefused::HostFull)
        } else if limits.storage.refuse_sent(run, self.grows()) {
            Some(RequestRefused::RunFull)
        } else {
            None
        }
    }

    fn queue(
        &self,
        run: &mut RunWrite<'_>,
        webhook: Webhook,
        remember: Option<RememberedKey>,
    ) -> Result<Accepted, ReadError> {
        let Accept {
            run: id,
            webhook: number,
            id: delivery,
            ..
        } = &self.accept;
        let (place, time) = (webhook.next_place, run.now);
        let is_first = webhook.queued == 0;
        let arrival = Arrival {
            id: delivery.clone(),
            accepted: time,
        };
        inbox::put(run.rows, (*id, *number, place), arrival, &self.request)?;
        if let Some(key) = remember {
            let expires = run.now.after(self.accept.remember);
            let first = Duplicate {
                id: delivery.clone(),
                body: key.body,
                place,
                expires: Some(expires),
            };
            self.accept.remember(run, key.digest, &first, expires)?;
            if matches!(webhook.options.reply, ReplyOption::FromWorkflow(_)) {
                let undecided = Reply { response: None };
                replies::TABLE.put(run.rows, (*id, delivery.as_str()), &undecided)?;
            }
        }
        run.put_changed_webhook(*number, webhook, |webhook| {
            webhook.next_place += 1;
            webhook.queued += 1;
            webhook.queued_bytes += self.size;
            webhook.last_accepted = Some(time);
        })?;
        Ok(Accepted::Queued {
            is_due: run.state().is_due(),
            place,
            is_first,
            time,
        })
    }
}

impl Accept {
    /// Remembers the request for as long as a repeat of it is known.
    fn remember(
        &self,
        run: &mut RunWrite<'_>,
        key: [u8; 32],
        first: &Duplicate,
        expires: Time,
    ) -> Result<(), ReadError> {
        duplicates::TABLE.put(run.rows, (self.run, self.webhook, key), first)?;
        let expiring = Expiring::Duplicate {
            run: self.run,
            webhook: self.webhook,
            key,
        };
        expiring.add(run.rows, expires)
    }
}

/// What it means that a key was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The request is the same as the first one.
    Same,
    /// Its sender made a mistake.
    Misused,
    /// It is another request.
    Other,
}

impl RememberedKey {
    /// Returns what is remembered of the first request with this key.
    pub(crate) fn first(
        &self,
        rows: &(impl Rows + ?Sized),
        run: RunId,
        webhook: WebhookNumber,
    ) -> Result<Option<Duplicate>, ReadError> {
        for digest in self.digests() {
            if let Some(first) = duplicates::TABLE.get(rows, (run, webhook, digest))? {
                return Ok(Some(first));
            }
        }
        Ok(None)
    }

    /// Returns what is remembered of the first request to a trigger with this key.
    pub(crate) fn first_of_trigger(
        &self,
        rows: &(impl Rows + ?Sized),
        trigger: TriggerId,
    ) -> Result<Option<TriggerRequested>, ReadError> {
        for digest in self.digests() {
            if let Some(first) = trigger_requests::TABLE.get(rows, (trigger, digest))? {
                return Ok(Some(first));
            }
        }
        Ok(None)
    }

    /// Returns the digests under which a request with this key may be remembered, the one of today first.
    fn digests(&self) -> impl Iterator<Item = [u8; 32]> {
        [Some(self.digest), self.earlier].into_iter().flatten()
    }

    /// Returns what it means that this key was used before, for a request with a body of this digest.
    pub(crate) fn repeats(self, body: &[u8; 32]) -> Repeat {
        match self.other_body {
            _ if *body == self.body => Repeat::Same,
            OtherBody::Same => Repeat::Same,
            OtherBody::Refuse => Repeat::Misused,
            OtherBody::Queue => Repeat::Other,
        }
    }

    /// Returns what a request to a webhook is answered whose key was used before. None if that means nothing.
    pub(crate) fn answer(self, first: Duplicate) -> Option<Accepted> {
        match self.repeats(&first.body) {
            Repeat::Same => Some(Accepted::Duplicate {
                id: first.id,
                place: first.place,
            }),
            Repeat::Misused => Some(Accepted::Refused(RequestRefused::OtherBody)),
            Repeat::Other => None,
        }
    }
}
