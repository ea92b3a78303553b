//! Webhooks: from a genuine token to a durable request, and the answer for its caller.
//!
//! [`Endpoint::receive`](crate::Endpoint::receive) checks a request twice. The first check comes before the body is
//! read, and is about the head: the method, whether the webhook is gone, the form of the signature and of the key, the
//! rate, and the space in the inbox. If the request may be a repeat or a probe, its body is read in any case. The second
//! check is about the request with its body: whether it is a probe, its signature, and its key.
//!
//! This file does the rest. It counts the request against the rate, which no other file does. The transaction that makes
//! the request durable checks whether it is a repeat, whether the run has ended, and whether the inbox is full.

use std::pin::pin;
use std::sync::Arc;

use dormouse_journal::{Delivery, Reply, Response, RunId, Until, WebhookNumber};
use dormouse_limits::Limits;
use dormouse_seams::HostClock;
use dormouse_store::{Accept, Accepted, Answer, Following, InboxLimits, Store, WriteError};
use futures::future::{Either, select};

use crate::hint::{EarlyRequest, Hint};
use crate::large_work::LargeWork;
use crate::rates::Rates;
use crate::received::{Received, Refusal};
use crate::replies::{Replies, answered};
use crate::run_ids::RunIds;
use crate::secrets::Secrets;
use crate::storage::storage_limits;
use crate::triggers::Triggers;
use crate::wake::Wake;
use crate::watchers::Watchers;
use crate::webhook_providers::WebhookProviders;

/// Takes requests to webhooks.
pub(crate) struct Webhooks {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) wake: Wake,
    pub(crate) ids: Arc<RunIds>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) replies: Arc<Replies>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) providers: WebhookProviders,
    pub(crate) rates: Arc<Rates>,
    pub(crate) triggers: Arc<Triggers>,
    pub(crate) large_work: LargeWork,
    pub(crate) limits: Arc<Limits>,
}

impl Webhooks {
    pub(crate) fn inbox_limits(&self) -> InboxLimits {
        InboxLimits {
            requests: self.limits.inbox,
            bytes: self.limits.inbox_bytes,
            host_bytes: self.limits.host_inbox_bytes,
            storage: storage_limits(&self.limits),
        }
    }

    /// Makes a request durable, wakes its run, and returns the answer for its caller. `accepted` is the answer that the
    /// webhook's provider wants, used if the webhook does not set another one.
    pub(crate) async fn receive(
        &self,
        accept: Accept,
        head_refusal: Option<Refusal>,
        reply: Reply,
        accepted: Option<Response>,
    ) -> Result<Received, Refusal> {
        match reply {
            Reply::FromWorkflow(within) => self.accept_and_hold(accept, head_refusal, within).await,
            Reply::Fixed(response) => Ok(Received::Answered {
                id: self.accept(accept, head_refusal).await?.id,
                response,
            }),
            Reply::Accepted => {
                let delivered = self.accept(accept, head_refusal).await?;
                Ok(match accepted {
                    Some(response) => Received::AcknowledgedAs {
                        id: delivered.id,
                        response,
                        is_repeat: delivered.is_repeat,
                    },
                    None => delivered.acknowledged(),
                })
            }
        }
    }

    /// Makes a request durable and wakes its run, unless the request is refused or exceeds the rate. A repeat is
    /// recognised in any case, by a read.
    async fn accept(
        &self,
        accept: Accept,
        head_refusal: Option<Refusal>,
    ) -> Result<Delivered, Refusal> {
        let (run, webhook, id) = (accept.run, accept.webhook, accept.id.clone());
        let refusal = head_refusal.or_else(|| {
            let admitted = self.rates.admit(run, webhook, self.clock.now());
            admitted.err().map(Refusal::Rate)
        });
        let accepted = match (refusal, accept.key) {
            (None, _) => self.accept_and_wake(accept).await?,
            (Some(refusal), None) => return Err(refusal),
            (Some(refusal), Some(key)) => {
                let repeat = self.store.repeat(run, webhook, key).await?;
                repeat.ok_or(refusal)?
            }
        };
        let (id, place, is_repeat) = match accepted {
            Accepted::Queued { place, .. } => (id, place, false),
            Accepted::Duplicate { id, place } => (id, place, true),
            Accepted::Refused(refused) => return Err(refused.into()),
        };
        Ok(Delivered {
            run,
            webhook,
            id,
            place,
            is_repeat,
        })
    }

    /// Makes a request durable. The run is woken as soon as the request has a place in the inbox, while the request
    /// becomes durable.
    async fn accept_and_wake(&self, accept: Accept) -> Result<Accepted, WriteError> {
        let wake = self.wake.clone();
        let (run, webhook) = (accept.run, accept.webhook);
        let (id, request) = (accept.id.clone(), accept.request.clone());
        let decided = move |accepted: &Accepted| -> Option<Following> {
            let Accepted::Queued {
                is_due: true,
                place,
                is_first,
                time,
            } = *accepted
            else {
                return None;
            };
            let early = EarlyRequest {
                webhook,
                place,
                is_first,
                delivery: Delivery {
                    id,
                    accepted: time,
                    request,
                },
            };
            let hint = Hint::Request(Box::new(early));
            Some(wake.following(run, hint))
        };
        self.store.accept(accept, Box::new(decided)).await
    }

    /// Accepts a request, and holds its caller for this many milliseconds, or until the workflow has answered.
    async fn accept_and_hold(
        &self,
        accept: Accept,
        head_refusal: Option<Refusal>,
        within: u64,
    ) -> Result<Received, Refusal> {
        let until = self.clock.now().after(within.min(self.limits.reply_wait));
        let place = self.replies.place(accept.run, accept.webhook);
        let _place = place.map_err(Refusal::TooManyHeld)?;
        // Both waits begin before the request is queued: from then on either may happen at any time.
        let run = accept.run;
        let mut ended = self.watchers.wait(run, Until::Ended);
        let mut next = self.replies.next_generation(run);
        let mut answer = self.replies.wait(run, &accept.id);
        let delivered = self.accept(accept, head_refusal).await?;
        if delivered.is_repeat {
            answer = self.replies.wait(run, &delivered.id);
            match self.decided(&delivered).await? {
                Answer::Open => {}
                decided => return delivered.received(decided),
            }
        }
        let mut passed = pin!(self.clock.sleep_until(until));
        loop {
            let over = pin!(answered(&mut answer, &mut ended, passed.as_mut()));
            match select(over, next).await {
                Either::Left((Some(response), _)) => {
                    return delivered.received(Answer::Decided(response));
                }
                Either::Left((None, _)) => {
                    let decided = self.decided(&delivered).await?;
                    return delivered.received(decided);
                }
                Either::Right(_) => next = self.replies.next_generation(run),
            }
            match self.decided(&delivered).await? {
                Answer::Open => {}
                decided => return delivered.received(decided),
            }
        }
    }

    /// Returns the decision about the caller of a delivery, as far as the store knows it.
    async fn decided(&self, delivered: &Delivered) -> Result<Answer, Refusal> {
        let (run, webhook) = (delivered.run, delivered.webhook);
        let id = delivered.id.clone();
        Ok(self.store.answer(run, webhook, id, delivered.place).await?)
    }
}

/// A request that was accepted, now or at its first delivery.
struct Delivered {
    run: RunId,
    webhook: WebhookNumber,
    id: String,
    /// The place of the request in the inbox.
    place: u64,
    is_repeat: bool,
}

impl Delivered {
    /// The default acknowledgement, for callers that no reply is configured for or decided.
    fn acknowledged(self) -> Received {
        let id = self.id;
        if self.is_repeat {
            Received::Duplicate { id }
        } else {
            Received::Accepted { id }
        }
    }

    /// Returns the result for a caller that cannot be held any longer.
    fn received(self, answer: Answer) -> Result<Received, Refusal> {
        match answer {
            Answer::Decided(response) => Ok(Received::Answered {
                id: self.id,
                response,
            }),
            Answer::Ended { was_taken: false } => Err(Refusal::Gone),
            Answer::Ended { was_taken: true } | Answer::Open => Ok(self.acknowledged()),
        }
    }
}
