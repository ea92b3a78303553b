//! Threads that exist from the start, for work that blocks.
//!
//! A pool that starts threads on demand may find that the system has none left, or that all its threads wait for
//! something else. Indispensable work has threads of its own, which nothing else can use up.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use dormouse_seams::Task;
use tokio::runtime::Handle;

/// A fixed number of threads. They end when this is dropped and their tasks are done.
#[derive(Debug)]
pub(super) struct Threads(Sender<Task>);

impl Threads {
    /// Starts this many threads with this name.
    ///
    /// # Errors
    /// When the system has too few threads left.
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

    /// Runs a task on one of the threads, after the tasks that were added before.
    pub(super) fn run(&self, task: Task) {
        // The threads exist as long as this does.
        let _ = self.0.send(task);
    }
}

/// Runs tasks until no more can come. A panic ends only its own task.
fn work(tasks: &Mutex<Receiver<Task>>, handle: &Handle) {
    loop {
        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = next else { return };
        if catch_unwind(AssertUnwindSafe(|| handle.block_on(task))).is_err() {
            tracing::error!("a task on a thread for blocking work panicked");
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
