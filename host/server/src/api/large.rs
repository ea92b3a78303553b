//! Answers whose size runs decide: what is read from the store for one, and made of it, is in memory several times, and
//! making it takes time on a thread that others need. So only a few are made at the same time, and further ones wait for their
//! turn, without holding anything.

use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::problem::Problem;

/// The number of answers that are made at the same time. It is less than the number of threads, also with one processor.
const AT_ONCE: u32 = 2;

/// The size of a journal in bytes above which an answer about it is the only one that is made. One activation may have 64 MiB, which
/// are in memory twice while they are read.
const ALONE: u64 = 16 << 20;

/// The turns to make a large answer.
pub(super) struct Turns(Semaphore);

impl Turns {
    pub(super) fn new() -> Self {
        Turns(Semaphore::new(AT_ONCE as usize))
    }

    /// Waits for a turn to read from a journal of this many bytes. The turn ends when the result is dropped.
    pub(super) async fn next(&self, journal_bytes: u64) -> Option<SemaphorePermit<'_>> {
        let turns = if journal_bytes > ALONE { AT_ONCE } else { 1 };
        // The semaphore is never closed.
        self.0.acquire_many(turns).await.ok()
    }

    /// Makes an answer when it has its turn. The memory for the answer as a whole is taken when it is made.
    pub(super) async fn make<T: IntoResponse>(
        &self,
        answer: impl Future<Output = Result<T, Problem>>,
    ) -> Result<Response, Problem> {
        self.make_of(0, answer).await
    }

    /// Makes an answer for which a journal of this many bytes is read, when it has its turn.
    pub(super) async fn make_of<T: IntoResponse>(
        &self,
        journal_bytes: u64,
        answer: impl Future<Output = Result<T, Problem>>,
    ) -> Result<Response, Problem> {
        let _turn = self.next(journal_bytes).await;
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

    #[test]
    fn an_answer_about_a_large_journal_is_made_alone() {
        let turns = Turns::new();
        let mut context = Context::from_waker(Waker::noop());
        let never = |bytes| turns.make_of(bytes, std::future::pending::<Result<(), Problem>>());
        let mut small = Box::pin(never(ALONE));
        assert!(small.as_mut().poll(&mut context).is_pending());
        let mut large = pin!(turns.make_of(ALONE + 1, async { Ok(()) }));
        assert!(large.as_mut().poll(&mut context).is_pending());
        drop(small);
        assert!(large.as_mut().poll(&mut context).is_ready());
    }
}
