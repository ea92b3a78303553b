//! Callers who are held until the workflow has decided what they are answered.
//!
//! Their requests are durable before they are held, and an answer is handed over here only after its commit. Who is held
//! is known in memory alone: whoever loses the connection and asks again with the same key finds the answer in the
//! store, or is held again.

use dormouse_journal::{Response, RunId, Time};
use dormouse_store::Accept;
use futures::FutureExt;

use crate::waiters::{Waiter, Waiters};
use crate::webhooks::Delivered;
use crate::{Received, Refusal, Runtime};

/// Those who wait for the answer to a delivery of a run.
pub(crate) type Callers = Waiters<(RunId, String), Response>;

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
        let run = accept.run;
        let ended = core.watchers.wait(run);
        let answer = core.callers.wait((run, accept.id.clone()));
        let delivered = self.accept(accept).await?;
        if !delivered.is_repeat {
            return self.hold(delivered, answer, ended, until).await;
        }
        let answer = core.callers.wait((run, delivered.id.clone()));
        match self.stands(&delivered)? {
            Stands::Open => self.hold(delivered, answer, ended, until).await,
            decided => decided.received(delivered),
        }
    }

    async fn hold(
        &self,
        delivered: Delivered,
        answer: Waiter<(RunId, String), Response>,
        ended: Waiter<RunId, ()>,
        until: Time,
    ) -> Result<Received, Refusal> {
        let (mut answer, mut ended) = (answer.fuse(), ended.fuse());
        let mut passed = self.core().clock.sleep_until(until).fuse();
        // A run that answers and ends at once has answered.
        futures::select_biased! {
            response = answer => if let Some(response) = response {
                return Stands::Answered(response).received(delivered);
            },
            _ = ended => {}
            () = passed => {}
        }
        self.stands(&delivered)?.received(delivered)
    }

    /// What is decided about a delivery's caller, as far as the store knows.
    fn stands(&self, delivered: &Delivered) -> Result<Stands, Refusal> {
        let (run, webhook) = (delivered.run, delivered.webhook);
        let snapshot = self.read()?;
        let reply = snapshot.reply(run, &delivered.id)?;
        if let Some(response) = reply.and_then(|reply| reply.response) {
            return Ok(Stands::Answered(response));
        }
        let state = snapshot.state(run)?;
        if state.is_some_and(|state| !state.status.has_ended()) {
            return Ok(Stands::Open);
        }
        let was_taken = !snapshot.is_queued(run, webhook, delivered.place)?;
        Ok(Stands::Ended { was_taken })
    }
}

/// How it stands with the answer to a delivery.
enum Stands {
    /// The workflow may still answer.
    Open,
    /// It has.
    Answered(Response),
    /// It never will.
    Ended {
        /// Whether it was given the request.
        was_taken: bool,
    },
}

impl Stands {
    /// What the caller is answered who cannot be held any longer.
    fn received(self, delivered: Delivered) -> Result<Received, Refusal> {
        match self {
            Stands::Answered(response) => Ok(Received::Answered {
                id: delivered.id,
                response,
            }),
            Stands::Ended { was_taken: false } => Err(Refusal::Gone),
            Stands::Ended { was_taken: true } | Stands::Open => Ok(delivered.acknowledged()),
        }
    }
}
