//! Work on large values whose size somebody outside chooses: bodies that are hashed, searched and encoded.
//!
//! The hash of a body of 15 MiB takes some ten milliseconds, and looking for a key in its JSON some ten more for each place
//! that a description names. On one of the few threads that execute tasks, that would delay everything else. So it is done
//! on a thread for blocking work, and only a few such pieces are done at the same time: a thread that executes tasks finds a
//! processor soon, however many large bodies arrive.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::task::Poll;

use dormouse_seams::Spawner;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Either, poll_fn};
use tokio::sync::Semaphore;

/// The largest size in bytes that is worked on where the task is: that takes less than a millisecond, and moving to another
/// thread some ten microseconds.
const SMALL: usize = 64 << 10;

/// Does the first part of a piece of work on another thread if it concerns a large value. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LargeWork {
    spawner: Arc<dyn Spawner>,
    turns: Arc<Semaphore>,
}

impl LargeWork {
    /// One thread is left to tasks, and another one to guests that compute for long. If there are no more, the work has one
    /// turn nevertheless.
    pub(crate) fn new(spawner: Arc<dyn Spawner>) -> Self {
        let turns = spawner.parallelism().saturating_sub(2).max(1);
        LargeWork {
            spawner,
            turns: Arc::new(Semaphore::new(turns)),
        }
    }

    /// Returns true if work on a value of this many bytes is done on another thread.
    pub(crate) fn is_large(bytes: usize) -> bool {
        bytes > SMALL
    }

    /// Does work on a value of this many bytes. What the work does before it first waits is what takes long, so for a large
    /// value it is done on another thread. The rest is done here.
    pub(crate) fn begin<F>(
        &self,
        bytes: usize,
        work: F,
    ) -> impl Future<Output = F::Output> + Send + use<F>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match Self::is_large(bytes) {
            true => Either::Right(self.clone().begin_elsewhere(work.boxed())),
            false => Either::Left(work),
        }
    }

    /// Does the first part of the work on another thread.
    async fn begin_elsewhere<T: Send + 'static>(self, work: BoxFuture<'static, T>) -> T {
        let mut work = AssertUnwindSafe(work).catch_unwind();
        // The semaphore is never closed.
        let turn = self.turns.acquire_owned().await.ok();
        let (sender, begun) = oneshot::channel();
        self.spawner.spawn_blocking(Box::pin(async move {
            let first = poll_fn(|context| Poll::Ready(work.poll_unpin(context))).await;
            drop(turn);
            // Whoever asked may have gone away.
            let _ = sender.send((first, work));
        }));
        let finished = match begun.await {
            Ok((Poll::Ready(finished), _)) => finished,
            Ok((Poll::Pending, work)) => work.await,
            // The threads end when the host does, and the task that asked ends then too.
            Err(oneshot::Canceled) => std::future::pending().await,
        };
        // A panic is the crash of the task that asked, wherever it happened.
        finished.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Computes something from a value of this many bytes.
    pub(crate) fn compute<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        bytes: usize,
        work: F,
    ) -> impl Future<Output = T> + Send + use<T, F> {
        self.begin(bytes, async move { work() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use dormouse_seams::Task;
    use pollster::block_on;

    use super::*;

    /// Keeps blocking tasks until the test runs them.
    #[derive(Default)]
    struct Kept(Mutex<Vec<Task>>);

    impl Kept {
        fn count(&self) -> usize {
            self.0.lock().unwrap().len()
        }

        fn run_one(&self) {
            let task = self.0.lock().unwrap().remove(0);
            block_on(task);
        }
    }

    impl Spawner for Kept {
        fn spawn(&self, _: Task) {
            unreachable!("nothing is done beside the work")
        }

        fn spawn_blocking(&self, task: Task) {
            self.0.lock().unwrap().push(task);
        }
    }

    #[test]
    fn small_values_stay_on_their_thread() {
        let kept = Arc::new(Kept::default());
        let works = LargeWork::new(kept.clone());
        assert_eq!(works.compute(SMALL, || 7).now_or_never(), Some(7));
        assert_eq!(kept.count(), 0);
    }

    #[test]
    fn large_values_go_to_another_thread_one_by_one() {
        let kept = Arc::new(Kept::default());
        let works = LargeWork::new(kept.clone());
        let mut first = Box::pin(works.compute(SMALL + 1, || 1));
        let mut second = Box::pin(works.compute(SMALL + 1, || 2));
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(kept.count(), 1, "the second waits for its turn");
        kept.run_one();
        assert_eq!(first.now_or_never(), Some(1));
        assert!((&mut second).now_or_never().is_none());
        kept.run_one();
        assert_eq!(second.now_or_never(), Some(2));
    }

    #[test]
    fn work_that_waits_goes_on_where_it_was_begun_and_leaves_its_turn() {
        let kept = Arc::new(Kept::default());
        let works = LargeWork::new(kept.clone());
        let (sender, receiver) = oneshot::channel();
        let mut waiting = Box::pin(works.begin(SMALL + 1, receiver));
        assert!((&mut waiting).now_or_never().is_none());
        kept.run_one();
        assert!((&mut waiting).now_or_never().is_none());
        assert!(works.compute(SMALL + 1, || 2).now_or_never().is_none());
        assert_eq!(kept.count(), 1, "there is a turn for others");
        sender.send(7).unwrap();
        assert_eq!(waiting.now_or_never(), Some(Ok(7)));
    }

    #[test]
    fn a_panic_reaches_the_task_that_asked() {
        let kept = Arc::new(Kept::default());
        let works = LargeWork::new(kept.clone());
        let mut panics = Box::pin(works.compute(SMALL + 1, || -> u8 { panic!("on purpose") }));
        assert!((&mut panics).now_or_never().is_none());
        kept.run_one();
        let asking = AssertUnwindSafe(panics).catch_unwind();
        assert!(asking.now_or_never().unwrap().is_err());
    }
}
