//! Threads that are there from the start, for work that blocks.
//!
//! A pool that makes threads when they are needed may find that the system gives none, or that all of them wait for
//! somebody else. What the host cannot do without has threads of its own, which nothing else can use up.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use dormouse_seams::Task;
use tokio::runtime::Handle;

/// A fixed number of threads. They end when this is dropped and what was handed to them is done.
#[derive(Debug)]
pub(super) struct Threads(Sender<Task>);

impl Threads {
    /// Starts so many threads of this name.
    ///
    /// # Errors
    /// When the system gives too few.
    pub(super) fn start(name: &str, count: usize, handle: &Handle) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..count {
            let (tasks, handle) = (receiver.clone(), handle.clone());
            Builder::new()
                .name(name.to_owned())
                .spawn(move || work(&tasks, &handle))?;
        }
        Ok(Threads(sender))
    }

    /// Runs a task on one of the threads, after those that came before.
    pub(super) fn run(&self, task: Task) {
        // The threads are there for as long as this is.
        let _ = self.0.send(task);
    }
}

/// Runs tasks until no more can come. A task that panics ends alone.
fn work(tasks: &Mutex<Receiver<Task>>, handle: &Handle) {
    loop {
        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = next else { return };
        if catch_unwind(AssertUnwindSafe(|| handle.block_on(task))).is_err() {
            tracing::error!("a task that blocks its thread panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_panics_does_not_take_its_thread_with_it() {
        let runtime = crate::machine::runtime().unwrap();
        let threads = Threads::start("test", 1, runtime.handle()).unwrap();
        threads.run(Box::pin(async { panic!("on purpose") }));
        let (sender, receiver) = channel();
        threads.run(Box::pin(async move { sender.send(7).unwrap() }));
        assert_eq!(receiver.recv(), Ok(7));
    }
}
