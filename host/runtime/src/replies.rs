//! Callers who are held until the workflow has decided what they are answered.
//!
//! Their requests are durable before they are held, and an answer is handed over here only after its commit. Who is held
//! is known in memory alone: whoever loses the connection and asks again with the same key finds the answer in the
//! store, or is held again.

use std::pin::pin;
use std::sync::Arc;

use dormouse_journal::{Response, RunId};
use futures::FutureExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::waiters::{Waiter, Waiters};

/// Callers who are held.
pub(crate) struct Replies {
    callers: Arc<Waiters<(RunId, String), Response>>,
    /// A permit for each of them.
    permits: Semaphore,
    most: usize,
}

impl Replies {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Replies {
            callers: Waiters::new(),
            permits: Semaphore::new(most),
            most,
        })
    }

    /// Returns leave to hold one more caller, unless as many are held as may be.
    pub(crate) fn permit(&self) -> Option<SemaphorePermit<'_>> {
        self.permits.try_acquire().ok()
    }

    /// Waits for the answer to a delivery that is decided from now on.
    pub(crate) fn wait(&self, run: RunId, delivery: &str) -> Waiter<(RunId, String), Response> {
        self.callers.wait((run, delivery.to_owned()))
    }

    /// Answers the caller of a delivery, if it is held. The answer is durable.
    pub(crate) fn answer(&self, run: RunId, delivery: &str, response: &Response) {
        self.callers.resolve(&(run, delivery.to_owned()), response);
    }

    /// Returns how many callers are held.
    pub(crate) fn held(&self) -> usize {
        self.most.saturating_sub(self.permits.available_permits())
    }

    /// Lets everybody go, from now on too.
    pub(crate) fn release_all(&self) {
        self.callers.release_all();
    }
}

/// Returns the answer, unless the run ends without one or the time passes. A run that answers and ends at once has answered: the
/// answer is handed over before the end is told, but both may come between a look at the one and a look at the other.
pub(crate) async fn answered<T, E>(
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
