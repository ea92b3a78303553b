//! Answers whose size runs decide: what is read from the store for one, and made of it, is in memory several times, and
//! making it takes time on a thread that others need. So only a few are made at the same time, and further ones wait for their
//! turn, without holding anything.

use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::problem::Problem;

/// The number of answers that are made at the same time. It is less than the number of threads, also with one processor.
const AT_ONCE: usize = 2;

/// The turns to make a large answer.
pub(super) struct Turns(Semaphore);

impl Turns {
    pub(super) fn new() -> Self {
        Turns(Semaphore::new(AT_ONCE))
    }

    /// Waits for a turn, which ends when the result is dropped.
    pub(super) async fn next(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.0.acquire().await.ok()
    }

    /// Makes an answer when it has its turn. The memory for the answer as a whole is taken when it is made.
    pub(super) async fn make<T: IntoResponse>(
        &self,
        answer: impl Future<Output = Result<T, Problem>>,
    ) -> Result<Response, Problem> {
        let _turn = self.next().await;
        Ok(answer.await?.into_response())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn a_third_answer_waits_for_its_turn() {
        let turns = Turns::new();
        let mut context = Context::from_waker(Waker::noop());
        let never = || turns.make(std::future::pending::<Result<(), Problem>>());
        let (mut first, mut second) = (Box::pin(never()), pin!(never()));
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        let mut third = pin!(turns.make(async { Ok(()) }));
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(third.as_mut().poll(&mut context).is_ready());
    }
}
