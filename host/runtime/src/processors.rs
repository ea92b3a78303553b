//! How guests that compute for long share the processors.
//!
//! A guest that has computed for a few milliseconds is executed in slices from then on. Fewer slices are executed at
//! once than the machine executes tasks at once, and the guests get slices in turn. So a thread is always free for
//! guests that compute only for a moment, and for the host itself.

use std::any::Any;
use std::sync::Arc;

use dormouse_engine::Turns;
use dormouse_journal::{Hashed, Unhashed};
use dormouse_seams::{Spawner, Task};
use futures::channel::oneshot;
use tokio::sync::Semaphore;

/// The slices that may be executed at once.
pub(crate) struct Processors {
    slices: Arc<Semaphore>,
    spawner: Arc<dyn Spawner>,
}

impl Processors {
    /// Leaves one of the threads to other work. If there is only one thread, none can be left, and the slices are
    /// short.
    pub(crate) fn new(spawner: Arc<dyn Spawner>) -> Arc<Self> {
        let slices = spawner.parallelism().saturating_sub(1).max(1);
        Arc::new(Processors {
            slices: Arc::new(Semaphore::new(slices)),
            spawner,
        })
    }
}

impl Turns for Processors {
    fn next(&self) -> Task<Box<dyn Any + Send>> {
        let slices = self.slices.clone();
        Box::pin(async move {
            // The semaphore is fair, and never closed.
            let slice: Box<dyn Any + Send> = Box::new(slices.acquire_owned().await.ok());
            slice
        })
    }

    fn hash(&self, unhashed: Unhashed) -> Task<Option<Hashed>> {
        let (sender, hashed) = oneshot::channel();
        self.spawner.spawn_blocking(Box::pin(async move {
            // The instance may have been dropped.
            let _ = sender.send(unhashed.hash());
        }));
        Box::pin(async move { hashed.await.ok() })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// A machine that executes this many tasks at once.
    struct Machine(usize);

    impl Spawner for Machine {
        fn spawn(&self, _: Task) {}

        fn spawn_blocking(&self, _: Task) {}

        fn parallelism(&self) -> usize {
            self.0
        }
    }

    fn processors(parallelism: usize) -> Arc<Processors> {
        Processors::new(Arc::new(Machine(parallelism)))
    }

    #[test]
    fn slices_are_fewer_than_processors_and_go_round() {
        let processors = processors(3);
        let next = || processors.next();
        let first = next().now_or_never().unwrap();
        let second = next().now_or_never().unwrap();
        let (mut third, mut fourth) = (next(), next());
        assert!((&mut third).now_or_never().is_none());
        assert!((&mut fourth).now_or_never().is_none());
        drop(first);
        // The guest that has waited longest is next, not the one that asks now.
        assert!(next().now_or_never().is_none());
        assert!((&mut fourth).now_or_never().is_none());
        let third = (&mut third).now_or_never().unwrap();
        drop(second);
        assert!((&mut fourth).now_or_never().is_some());
        drop(third);
    }

    #[test]
    fn a_machine_that_executes_one_task_at_once_has_a_slice_as_well() {
        assert!(processors(1).next().now_or_never().is_some());
    }
}
