//! Callers who are held until the workflow has decided what they are answered.
//!
//! Their requests are durable before they are held, and an answer is handed over here only after its commit. Who is held
//! is known in memory alone: whoever loses the connection and asks again with the same key finds the answer in the
//! store, or is held again.

use dormouse_journal::{Response, RunId, Time, WebhookNumber};
use dormouse_store::{Accept, Accepted};
use futures::FutureExt;

use crate::waiters::{Waiter, Waiters};
use crate::webhooks::wake;
use crate::{Received, Refusal, Runtime};

/// Those who wait for the answer to a delivery of a run.
pub(crate) type Callers = Waiters<(RunId, String), Response>;

/// A request that was accepted, now or when it came for the first time.
struct Delivered {
    run: RunId,
    webhook: WebhookNumber,
    id: String,
    place: u64,
    is_repeat: bool,
}

impl Delivered {
    /// What a caller is answered for whom there is nothing better.
    fn acknowledged(&self) -> Received {
        if self.is_repeat {
            Received::Duplicate {
                id: self.id.clone(),
            }
        } else {
            Received::Accepted {
                id: self.id.clone(),
            }
        }
    }
}

impl Runtime {
    /// Accepts a request, and holds its caller for this many milliseconds, or until the workflow has answered.
    pub(crate) async fn accept_and_hold(
        &self,
        accept: Accept,
        within: u64,
    ) -> Result<Received, Refusal> {
        let core = self.core();
        let within = within.min(self.settings().limits.reply_wait);
        let until = core.clock.now().after(within);
        let _permit = core.held.try_acquire().map_err(|_| Refusal::TooManyHeld)?;
        // Both are waited for before the request is queued: from then on they may come at any time.
        let (run, webhook) = (accept.run, accept.webhook);
        let ended = core.watchers.wait(run);
        let answer = core.callers.wait((run, accept.id.clone()));
        let id = accept.id.clone();
        match self.accept(accept).await? {
            Accepted::Queued { is_due, place } => {
                wake(core, run, webhook, is_due);
                let delivered = Delivered {
                    run,
                    webhook,
                    id,
                    place,
                    is_repeat: false,
                };
                self.hold(&delivered, answer, ended, until).await
            }
            Accepted::Duplicate { id, place } => {
                let answer = core.callers.wait((run, id.clone()));
                let delivered = Delivered {
                    run,
                    webhook,
                    id,
                    place,
                    is_repeat: true,
                };
                match self.stands(&delivered)? {
                    Some(received) => Ok(received),
                    None => self.hold(&delivered, answer, ended, until).await,
                }
            }
            refused => Err(Refusal::of(&refused)),
        }
    }

    async fn hold(
        &self,
        delivered: &Delivered,
        answer: Waiter<(RunId, String), Response>,
        ended: Waiter<RunId, ()>,
        until: Time,
    ) -> Result<Received, Refusal> {
        let (mut answer, mut ended) = (answer.fuse(), ended.fuse());
        let mut passed = self.core().clock.sleep_until(until).fuse();
        // A run that answers and ends at once has answered.
        futures::select_biased! {
            response = answer => if let Some(response) = response {
                let id = delivered.id.clone();
                return Ok(Received::Answered { id, response });
            },
            _ = ended => {}
            () = passed => {}
        }
        let stands = self.stands(delivered)?;
        Ok(stands.unwrap_or_else(|| delivered.acknowledged()))
    }

    /// What is decided about a delivery's caller, as far as the store knows. None if it may still be answered.
    fn stands(&self, delivered: &Delivered) -> Result<Option<Received>, Refusal> {
        let Delivered {
            run, webhook, id, ..
        } = delivered;
        let snapshot = self.read()?;
        let reply = snapshot.reply(*run, id)?;
        if let Some(response) = reply.and_then(|reply| reply.response) {
            let id = id.clone();
            return Ok(Some(Received::Answered { id, response }));
        }
        let state = snapshot.state(*run)?;
        if state.is_some_and(|state| !state.status.has_ended()) {
            return Ok(None);
        }
        if snapshot.is_queued(*run, *webhook, delivered.place)? {
            return Err(Refusal::Gone);
        }
        Ok(Some(delivered.acknowledged()))
    }
}
