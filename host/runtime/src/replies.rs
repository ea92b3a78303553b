//! Callers who are held until the workflow has decided what they are answered.
//!
//! Their requests are durable before they are held, and an answer is handed over here only after its commit. Who is held
//! is known in memory alone: whoever loses the connection and asks again with the same key finds the answer in the
//! store, or is held again.

use std::pin::pin;

use dormouse_journal::{Response, RunId, Status, Time, Until};
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
        let ended = core.watchers.wait((run, Until::Ended));
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
        ended: Waiter<(RunId, Until), Status>,
        until: Time,
    ) -> Result<Received, Refusal> {
        let passed = self.core().clock.sleep_until(until);
        match answered(answer, ended, passed).await {
            Some(response) => Stands::Answered(response).received(delivered),
            None => self.stands(&delivered)?.received(delivered),
        }
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

/// The answer, unless the run ends without one or the time passes. A run that answers and ends at once has answered: the
/// answer is handed over before the end is told, but both may come between a look at the one and a look at the other.
async fn answered<T, E>(
    answer: impl Future<Output = Option<T>>,
    ended: impl Future<Output = Option<E>>,
    passed: impl Future<Output = ()>,
) -> Option<T> {
    let mut answer = pin!(answer.fuse());
    let mut ended = pin!(ended.fuse());
    let mut passed = pin!(passed.fuse());
    futures::select_biased! {
        response = answer => return response,
        _ = ended => {}
        () = passed => {}
    }
    answer.now_or_never().flatten()
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

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::task::Poll;

    use futures::channel::oneshot;

    use super::*;

    #[test]
    fn an_answer_that_comes_with_the_end_is_the_answer() {
        let (hand_over, answer) = oneshot::channel();
        let mut hand_over = Some(hand_over);
        let ended = poll_fn(move |_| {
            hand_over.take().unwrap().send(7).unwrap();
            Poll::Ready(Some(()))
        });
        let answer = answer.map(Result::ok);
        assert_eq!(
            answered(answer, ended, pending()).now_or_never(),
            Some(Some(7))
        );
    }

    #[test]
    fn without_an_answer_the_end_and_the_time_end_the_wait() {
        let end = answered::<u8, ()>(pending(), async { Some(()) }, pending());
        assert_eq!(end.now_or_never(), Some(None));
        let time = answered::<u8, ()>(pending(), pending(), async {});
        assert_eq!(time.now_or_never(), Some(None));
    }
}
