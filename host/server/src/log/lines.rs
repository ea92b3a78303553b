//! The log lines between the code that logs and the thread that writes.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use super::own_lines::{is_own_line, now, tell};
use super::repeats::Repeats;

/// The largest number of bytes of lines that wait to be written. It is enough for a reader that stops for some time at
/// the rate of a busy host, and little compared with the host's own memory.
const MOST: usize = 1 << 20;

/// The largest number of bytes that are written at once. A single line may be longer.
const BATCH: usize = 32 << 10;

/// How long to wait before writing again to a non-blocking output that takes nothing.
const AGAIN: Duration = Duration::from_millis(10);

/// The lines of the log. Clones share them. By default no thread writes them.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Signalled when there is something to write, or nothing more will come.
    filled: Condvar,
    /// Signalled when everything is written.
    emptied: Condvar,
    /// The number of lines that were dropped since the start.
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    /// The number of bytes of lines that wait or are being written.
    bytes: usize,
    is_writing: bool,
    /// The number of dropped lines that no line has reported yet.
    untold: u64,
    is_closed: bool,
}

impl Lines {
    /// Starts the thread that writes lines to `out`.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        repeats: Arc<Repeats>,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let writer = shared.clone();
        thread::Builder::new()
            .name("log".into())
            .spawn(move || writer.run(out, &repeats))?;
        Ok(Lines(shared))
    }

    /// Adds a line, which must end with a line break. Drops it if too much is waiting already.
    pub fn add(&self, line: &[u8]) {
        self.0.add(line);
    }

    /// Returns the number of lines that were dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Returns true if lines were dropped, and no line was written since.
    #[must_use]
    pub fn is_dropping(&self) -> bool {
        self.0.lock().untold > 0
    }

    /// Waits until all lines are written, or this much time has passed. Lines that are added from now on may be lost.
    pub fn close(&self, within: Duration) {
        let mut state = self.0.lock();
        state.is_closed = true;
        self.0.filled.notify_one();
        drop(
            self.0
                .emptied
                .wait_timeout_while(state, within, |state| !state.is_empty())
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && !self.is_writing
    }
}

impl Shared {
    fn add(&self, line: &[u8]) {
        let mut state = self.lock();
        let is_full = state.bytes.saturating_add(line.len()) > MOST;
        if is_full && !is_own_line() {
            state.untold += 1;
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.bytes += line.len();
        state.waiting.push_back(line.to_vec());
        self.filled.notify_one();
    }

    /// Writes lines until there are no more.
    fn run(&self, mut out: impl Write, repeats: &Repeats) {
        while let Some(batch) = self.next(repeats) {
            let bytes = batch.iter().map(Vec::len).sum::<usize>();
            let mut lost = 0;
            for line in &batch {
                if write(&mut out, line).is_err() {
                    lost += 1;
                }
            }
            // These lines were lost without a reader, and count as dropped.
            let lost = lost + u64::from(out.flush().is_err() && lost == 0 && !batch.is_empty());
            let untold = self.written(bytes, lost, lost < batch.len() as u64);
            tell(|| {
                if untold > 0 {
                    tracing::warn!(
                        lines = untold,
                        "lines of the log were dropped: whoever reads it was too slow, or it could not be written"
                    );
                }
                repeats.tell(now());
            });
            self.settle();
        }
    }

    /// Waits for lines, or until repeats must be reported, and takes the lines that are written at once. None at the
    /// end.
    fn next(&self, repeats: &Repeats) -> Option<Vec<Vec<u8>>> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.is_closed {
                return None;
            }
            let Some(due) = repeats.due() else {
                state = self
                    .filled
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let wait = due.saturating_duration_since(now());
            if wait.is_zero() {
                break;
            }
            (state, _) = self
                .filled
                .wait_timeout(state, wait)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.is_writing = true;
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(line) = state.waiting.pop_front() {
            bytes += line.len();
            batch.push(line);
            if bytes >= BATCH {
                break;
            }
        }
        Some(batch)
    }

    /// Notes that a batch was written. Returns the number of lines that were dropped before, if a line can report it
    /// now.
    fn written(&self, bytes: usize, lost: u64, flows: bool) -> u64 {
        self.dropped.fetch_add(lost, Ordering::Relaxed);
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
        state.untold += lost;
        if flows {
            std::mem::take(&mut state.untold)
        } else {
            0
        }
    }

    /// Notes that the writing thread has no lines left.
    fn settle(&self) {
        let mut state = self.lock();
        state.is_writing = false;
        if state.is_empty() {
            self.emptied.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a whole line, also to an output that does not block.
#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own, which waits for whoever reads the log"
)]
fn write(out: &mut impl Write, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match out.write(line) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => line = line.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(AGAIN),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Adds one event to the lines. The formatter writes each event in one call.
#[derive(Debug)]
pub struct Line<'a>(&'a Shared);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// An output whose reader takes one write for each permit.
    struct Reader {
        permits: mpsc::Receiver<()>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // A reader that is gone closes its pipe.
            self.permits.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.read.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Read = Arc<Mutex<Vec<u8>>>;

    fn stalled() -> (Lines, mpsc::Sender<()>, Read) {
        let (permit, permits) = mpsc::channel();
        let read = Read::default();
        let out = Reader {
            permits,
            read: read.clone(),
        };
        (Lines::start(out, Arc::default()).unwrap(), permit, read)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_reader_that_stalls_delays_nobody_and_what_it_missed_is_counted() {
        let (lines, permit, read) = stalled();
        let line = [b'x'; 1_000];
        // More lines than fit, without a reader: this would never return if it waited for the reader.
        for _ in 0..2_000 {
            lines.add(&line);
        }
        let dropped = lines.dropped();
        assert!(dropped >= 2_000 - (MOST / 1_000) as u64, "{dropped}");
        assert!(lines.is_dropping());
        for _ in 0..2_000 {
            permit.send(()).unwrap();
        }
        lines.close(LONG);
        assert!(!lines.is_dropping());
        let written = read.lock().unwrap().len() / 1_000;
        assert_eq!(
            written as u64 + dropped,
            2_000,
            "each line is written or counted"
        );
    }

    #[test]
    fn the_end_waits_for_lines_and_not_for_ever() {
        let (lines, permit, read) = stalled();
        lines.add(b"one\n");
        lines.add(b"two\n");
        lines.close(Duration::from_millis(1));
        assert_eq!(read.lock().unwrap().len(), 0);
        permit.send(()).unwrap();
        permit.send(()).unwrap();
        lines.close(LONG);
        assert_eq!(*read.lock().unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn lines_that_cannot_be_written_count_as_dropped() {
        let (lines, permit, _read) = stalled();
        drop(permit);
        lines.add(b"one\n");
        lines.close(LONG);
        assert_eq!(lines.dropped(), 1);
        assert!(lines.is_dropping());
    }
}
