//! Accepts a request to a webhook. Once accepted, it is never lost.

use dormouse_journal::{
    OtherBody, Reply as ReplyOption, Request, RunId, Time, TriggerId, WebhookNumber,
};

use super::run::RunWrite;
use super::storage::StorageLimits;
use super::{RUN, SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::{Extent, Rows};
use crate::tables::duplicates::{self, Duplicate};
use crate::tables::expiries::Expiring;
use crate::tables::inbox::{self, Arrival, request_size};
use crate::tables::small_or_large::SmallOrLarge;
use crate::tables::trigger_requests::{self, TriggerRequested};
use crate::tables::{Reply, Webhook, replies};

/// A request that is to be accepted.
#[derive(Debug, Clone)]
pub struct Accept {
    /// The run that the webhook belongs to.
    pub run: RunId,
    /// The number of the webhook.
    pub webhook: WebhookNumber,
    /// The id that the request will have.
    pub id: String,
    /// The request.
    pub request: Request,
    /// The key by which a repeat of the request is recognised.
    pub key: Option<RememberedKey>,
    /// How long the key is remembered, in milliseconds.
    pub remember: u64,
    /// The limits of inboxes.
    pub limits: InboxLimits,
}

/// The limits of inboxes.
#[derive(Debug, Clone, Copy)]
pub struct InboxLimits {
    /// The largest number of requests in one inbox.
    pub requests: u32,
    /// The largest number of bytes in one inbox.
    pub bytes: u64,
    /// The largest number of bytes in all inboxes together.
    pub host_bytes: u64,
    /// The disk space that the run and its workflow may use.
    pub storage: StorageLimits,
}

/// The key by which a request is recognised when its sender repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RememberedKey {
    /// The digest of the key and of the place in the request that it was read from.
    pub digest: [u8; 32],
    /// The digest under which an earlier version of the host may have remembered the key. This version reads it, and
    /// does not write it.
    pub earlier: Option<[u8; 32]>,
    /// The digest of the request's body. It is made before the transaction, so that the transaction need not wait
    /// for it.
    pub body: [u8; 32],
    /// The meaning of the same key with another body.
    pub other_body: OtherBody,
}

/// The result of accepting a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// The request is queued.
    Queued {
        /// True if the run has something to do now.
        is_due: bool,
        /// The place of the request in the inbox.
        place: u64,
        /// True if no other request is before it in the inbox.
        is_first: bool,
        /// The time at which the request was accepted.
        time: Time,
    },
    /// The request repeats an earlier request.
    Duplicate {
        /// The id of the first request.
        id: String,
        /// The place that the first request had in the inbox.
        place: u64,
    },
    /// The request was refused. Nothing was written.
    Refused(RequestRefused),
}

/// Why a request was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestRefused {
    /// The key was used with another body.
    OtherBody,
    /// The webhook was closed.
    Closed,
    /// The run has ended, or was removed after its end.
    Ended,
    /// The run has failed, and may be retried.
    RunFailed,
    /// The inbox is full.
    InboxFull,
    /// All inboxes together are as large as the host allows.
    HostFull,
    /// The run uses all disk space that it may use.
    RunFull,
    /// The runs of the workflow together use all disk space that they may use.
    WorkflowFull,
    /// The run never created this webhook.
    UnknownWebhook,
    /// The run's last activation is being written in pieces, and may have created this webhook.
    WebhookToCome,
}

/// A request that is ready to be written.
pub(crate) struct AcceptRequest {
    /// The options, without the request itself.
    accept: Accept,
    /// The number of bytes that the request counts for.
    size: u64,
    request: SmallOrLarge<Request>,
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
            request: SmallOrLarge::new(size, request),
        }
    }

    /// Returns about how many bytes the run's disk space grows by.
    fn grows(&self) -> u64 {
        self.request.bytes() + 4 * SMALL_ROW
    }
}

impl Transaction for AcceptRequest {
    type Output = Accepted;

    fn run(&self) -> Option<RunId> {
        Some(self.accept.run)
    }

    /// The rows: the request in two rows, its key, the expiry of the key, the open reply, and the webhook.
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
        // A run that does not exist was removed by retention: the token proves that it existed.
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
        // A retry of the run may still create the webhook.
        if run.state().is_frozen() {
            return Ok(Accepted::Refused(RequestRefused::RunFailed));
        }
        let Some(webhook) = webhook else {
            if run.state().may_create_webhooks() {
                return Ok(Accepted::Refused(RequestRefused::WebhookToCome));
            }
            // The token proves that the webhook existed. A later generation did not keep it.
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
    /// Remembers the request for as long as a repeat of it is recognised.
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

/// The meaning of a key that was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The request repeats the first one.
    Same,
    /// The sender has made a mistake.
    Misused,
    /// The request is another one.
    Other,
}

impl RememberedKey {
    /// Returns the row that remembers the first request with this key.
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

    /// Returns the row that remembers the first request to a trigger with this key.
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

    /// Returns the digests under which a request with this key may be remembered, the present one first.
    fn digests(&self) -> impl Iterator<Item = [u8; 32]> {
        [Some(self.digest), self.earlier].into_iter().flatten()
    }

    /// Returns the meaning of this key for a first request whose body has this digest.
    pub(crate) fn repeats(self, body: &[u8; 32]) -> Repeat {
        match self.other_body {
            _ if *body == self.body => Repeat::Same,
            OtherBody::Same => Repeat::Same,
            OtherBody::Refuse => Repeat::Misused,
            OtherBody::Queue => Repeat::Other,
        }
    }

    /// Returns the answer to a request whose key was used before. None if the request is not a repeat of the first one.
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
