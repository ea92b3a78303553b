//! Tasks, on tokio.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use dormouse_seams::{Spawner, Task};
use tokio::runtime::{Builder, Handle, Runtime};

use super::threads::Threads;

/// After so many polls of tasks a worker looks whether something came over the network or a timer is due. A guest that
/// computes gives way after 5 ms, so that with tokio's own 61 polls two such guests on each worker would keep everybody
/// else waiting for 300 ms. A look costs about a microsecond.
const POLLS_BETWEEN_EVENTS: u32 = 8;

/// How many long reads wait for the disk at once. Further ones wait for a thread.
const READERS: usize = 16;

/// What all of the host's tasks run on.
///
/// # Errors
/// When the system gives no thread, or nothing to wait for events with.
pub fn runtime() -> io::Result<Runtime> {
    builder().build()
}

fn builder() -> Builder {
    // One thread more than there are processors: guests that compute for long get a turn on all but one of the threads, and
    // so can use all processors, while the system gives the last thread its processor as soon as there is work for it.
    let processors = available_parallelism().map_or(1, NonZero::get);
    let mut builder = Builder::new_multi_thread();
    builder
        .enable_all()
        .worker_threads(processors + 1)
        .event_interval(POLLS_BETWEEN_EVENTS);
    builder
}

/// Runs tasks on a tokio runtime, and those that block on threads of their own.
#[derive(Debug, Clone)]
pub struct TokioTasks {
    handle: Handle,
    writer: Arc<Threads>,
    readers: Arc<Threads>,
}

impl TokioTasks {
    /// Runs tasks on this runtime. The threads that tasks may block are made here, and none later.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(handle: Handle) -> io::Result<Self> {
        let writer = Threads::start("store-writer", 1, &handle)?;
        let readers = Threads::start("store-reader", READERS, &handle)?;
        Ok(TokioTasks {
            handle,
            writer: Arc::new(writer),
            readers: Arc::new(readers),
        })
    }
}

impl Spawner for TokioTasks {
    fn spawn(&self, task: Task) {
        self.handle.spawn(task);
    }

    fn spawn_blocking(&self, task: Task) {
        self.readers.run(task);
    }

    fn spawn_writer(&self, task: Task) {
        self.writer.run(task);
    }

    fn parallelism(&self) -> usize {
        self.handle.metrics().num_workers()
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "a thread that is busy, and one that is late"
)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use tokio::io::AsyncReadExt;

    use super::*;

    /// Longer than it takes a byte to arrive.
    const TURN: Duration = Duration::from_millis(1);

    /// Counted in turns of the busy task, and not in time, which the machine may spend on something else.
    #[test]
    fn a_task_that_is_always_ready_does_not_keep_what_arrives_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (receiver, _) = listener.accept().unwrap();
        receiver.set_nonblocking(true).unwrap();

        let turns = Arc::new(AtomicU32::new(0));
        let busy = turns.clone();
        let runtime = builder().worker_threads(1).build().unwrap();
        runtime.spawn(std::future::poll_fn(move |context| {
            std::thread::sleep(TURN);
            busy.fetch_add(1, Ordering::SeqCst);
            context.waker().wake_by_ref();
            std::task::Poll::<()>::Pending
        }));
        let turn = turns.clone();
        let (asking, asked) = mpsc::channel();
        let (sending, sent) = mpsc::channel();
        // From outside, once the reader has had time to wait for it. The turns are read when the byte is there: turns
        // that pass before, since the machine does something else, are not the reader's.
        std::thread::spawn(move || {
            while asked.recv().is_ok() {
                std::thread::sleep(5 * TURN);
                sender.write_all(b"x").unwrap();
                sending.send(turn.load(Ordering::SeqCst)).unwrap();
            }
        });
        let reading = runtime.spawn(async move {
            let mut receiver = tokio::net::TcpStream::from_std(receiver).unwrap();
            let mut longest = 0;
            for _ in 0..10 {
                asking.send(()).unwrap();
                receiver.read_exact(&mut [0]).await.unwrap();
                let read_at = turns.load(Ordering::SeqCst);
                longest = longest.max(read_at.saturating_sub(sent.recv().unwrap()));
            }
            longest
        });
        let longest = runtime.block_on(reading).unwrap();
        runtime.shutdown_background();
        assert!(longest <= 2 * POLLS_BETWEEN_EVENTS, "{longest} turns");
    }
}
