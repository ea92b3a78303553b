//! How guests that compute for long share the processors.
//!
//! A guest that has computed for a few milliseconds is executed in slices from then on. Fewer slices are executed at
//! once than the machine executes tasks at once, and the guests get slices in turn. So a thread is always free for
//! guests that compute only for a moment, and for the host itself.

use std::any::Any;
use std::sync::Arc;

use dormouse_engine::Turns;
use dormouse_seams::Task;
use tokio::sync::Semaphore;

/// The slices that may be executed at once.
pub(crate) struct Processors(Arc<Semaphore>);

impl Processors {
    /// Leaves one of the threads to other work. If there is only one thread, none can be left, and the slices are
    /// short.
    pub(crate) fn new(parallelism: usize) -> Arc<Self> {
        let slices = parallelism.saturating_sub(1).max(1);
        Arc::new(Processors(Arc::new(Semaphore::new(slices))))
    }
}

impl Turns for Processors {
    fn next(&self) -> Task<Box<dyn Any + Send>> {
        let processors = self.0.clone();
        Box::pin(async move {
            // The semaphore is fair, and never closed.
            let slice: Box<dyn Any + Send> = Box::new(processors.acquire_owned().await.ok());
            slice
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn slices_are_fewer_than_processors_and_go_round() {
        let processors = Processors::new(3);
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
        assert!(Processors::new(1).next().now_or_never().is_some());
    }
}
