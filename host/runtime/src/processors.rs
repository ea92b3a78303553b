//! The processors, as guests that compute for long get them.
//!
//! A guest that has computed for a few milliseconds is executed in slices from then on. Such slices are fewer at once than
//! the tasks that the machine executes at once, and go to those who wait for one in turn. So there is always somebody free
//! for guests that compute for a moment only, and for the host itself.

use std::any::Any;
use std::sync::Arc;

use dormouse_engine::Turns;
use dormouse_seams::Task;
use tokio::sync::Semaphore;

/// Who computes for long at once.
pub(crate) struct Processors(Arc<Semaphore>);

impl Processors {
    /// Leaves one of so many tasks that are executed at once to others. With one alone there is nothing to leave, and slices
    /// are short.
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
        // Whoever has waited longest is next, and not who asks now.
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
