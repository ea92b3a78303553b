//! Tasks, on tokio.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use dormouse_seams::{Spawner, Task};
use tokio::runtime::{Builder, Handle, Runtime};

use super::threads::Threads;

/// The number of polls after which a worker checks whether something arrived over the network or a timer is due. A
/// guest that computes gives way after 5 ms. With tokio's default of 61 polls, two such guests on each worker would
/// delay everything else by 300 ms. A check costs about a microsecond.
const POLLS_BETWEEN_EVENTS: u32 = 8;

/// The number of long reads that may wait for the disk at once. Further ones wait for a thread.
const READERS: usize = 16;

/// Creates the runtime on which all tasks of the host run.
///
/// # Errors
/// When the system has no thread left, or no means to wait for events.
pub fn runtime() -> io::Result<Runtime> {
    builder().build()
}

fn builder() -> Builder {
    // There is one thread more than processors. Guests that compute for long get a turn on all threads but one, and so
    // can use all processors, and the system gives the last thread a processor as soon as it has work.
    let processors = available_parallelism().map_or(1, NonZero::get);
    let mut builder = Builder::new_multi_thread();
    builder
        .enable_all()
        .worker_threads(processors + 1)
        .event_interval(POLLS_BETWEEN_EVENTS);
    builder
}

/// Runs tasks on a tokio runtime, and blocking tasks on threads of their own.
#[derive(Debug, Clone)]
pub struct TokioTasks {
    handle: Handle,
    writer: Arc<Threads>,
    readers: Arc<Threads>,
}

impl TokioTasks {
    /// Creates an executor on this runtime. All threads that tasks may block are started here, and none later.
    ///
    /// # Errors
    /// When the system has too few threads left.
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

    /// A time longer than a byte needs to arrive.
    const TURN: Duration = Duration::from_millis(1);

    /// The delay is counted in turns of the busy task instead of in time, which the machine may spend on something
    /// else.
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
        // The byte is sent from outside, once the reader has had time to wait for it. The number of turns is read when
        // the byte is there, so that turns that pass earlier because the machine is busy do not count for the reader.
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
